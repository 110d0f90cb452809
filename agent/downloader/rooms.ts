/** The rooms of one session, connected: each knows of the others only what it is given here. */
import type { DownloaderConfig } from "../config/config.ts";
import type { Reporting } from "../observe/reporting.ts";
import { Assignment } from "./group/assignment.ts";
import { GroupWait } from "./group/group-wait.ts";
import { LogGaps } from "./group/log-gaps.ts";
import type { FirstFailure, Output, ProcessMemory, SessionKafka, SessionRun } from "./parts.ts";
import { Assembly } from "./place/assembly.ts";
import { RejectedRecords } from "./place/rejected-records.ts";
import { SpreadVersions } from "./place/spread-versions.ts";
import { DurablePoint } from "./publish/durable-point.ts";
import { DurablePointSchedule } from "./publish/durable-point-schedule.ts";
import { ForgottenVersions } from "./recover/forgotten-versions.ts";
import { LedgerWrites } from "./recover/ledger-writes.ts";
import { LogReplay } from "./recover/log-replay.ts";
import { Repair } from "./recover/repair.ts";
import { RereadRequests } from "./recover/reread-requests.ts";

export interface SessionOptions {
  config: DownloaderConfig;
  kafka: SessionKafka;
  output: Output;
  reporting: Reporting;
  run: SessionRun;
  memory: ProcessMemory;
}

export class Rooms {
  readonly assignment: Assignment;
  readonly groupWait: GroupWait;
  readonly gaps: LogGaps;
  readonly rejected: RejectedRecords;
  readonly spread: SpreadVersions;
  readonly assembly: Assembly;
  readonly durablePoint: DurablePoint;
  readonly schedule: DurablePointSchedule;
  readonly replay: LogReplay;
  readonly rereads: RereadRequests;
  readonly repair: Repair;
  readonly forgotten: ForgottenVersions;

  /** @param signal ends what is read again */
  constructor(options: SessionOptions, failure: FirstFailure, signal: AbortSignal) {
    const { config, kafka, output, reporting, run, memory } = options;
    const { topic, group, ledger } = kafka;
    const { now, reportSuccess } = run;
    const { log } = reporting;
    this.assignment = new Assignment({ kafka, start: config.start, reporting, now });
    const { positions } = this.assignment;
    const { unread } = memory;
    this.groupWait = new GroupWait({ group, topic, name: config.group, positions, unread, log, now });
    this.gaps = new LogGaps({ group, positions, reporting, now });
    this.rejected = new RejectedRecords(topic.id, reporting);
    this.spread = new SpreadVersions({ topic, positions, ledger, reporting, now });
    const { rejected, spread } = this;
    const writes = new LedgerWrites({ log, once: run.once, now });
    this.assembly = new Assembly(
      { config, store: output.store, ledger, retentionMs: topic.retentionMs, reporting, now },
      {
        rejected,
        spread,
        writes,
        publish: () => this.schedule.makeNow(),
        onGap: (partial, { partition, offset }) =>
          this.rereads.readGap(partial, new Map([[partition, offset]])),
      },
    );
    this.durablePoint = new DurablePoint({ config, kafka, output, reporting, now });
    const { assembly, durablePoint } = this;
    const placed = { assembly, rejected, positions };
    this.schedule = new DurablePointSchedule({ ...placed, durablePoint, failure, now, reportSuccess });
    this.replay = new LogReplay({
      open: (from) => topic.openReader(from),
      target: assembly,
      listener: {
        began: (batch) => this.rereads.began(batch),
        ended: (batch, brought, tookMs) => this.rereads.ended(batch, brought, tookMs),
      },
      signal,
      now,
      fail: (error) => failure.report(error),
    });
    this.rereads = new RereadRequests({ replay: this.replay, topicId: topic.id, reporting, now });
    const { partials, failures } = assembly;
    const reading = { group, topic, positions };
    const { versions } = ledger.state;
    const { rereads } = this;
    this.forgotten = new ForgottenVersions({ versions, partials, rereads, group, positions, log });
    this.repair = new Repair(
      { ledger, writes, reading, rereads: this.rereads, reporting, giveUpMs: config.giveUpMs, now },
      { partials, room: partials.room, failures, rejected, spread },
    );
  }
}
