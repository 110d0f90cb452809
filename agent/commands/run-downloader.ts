/** The composition of the downloader: its group's ledger, its disk, and what follows both beside the work. */
import { join } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import type { DownloaderConfig } from "../config/config.ts";
import { runDownloader } from "../downloader/downloader.ts";
import { ArrivalEvents } from "../downloader/events/arrival-events.ts";
import { type Arrivals, GroupLedger } from "../ledger/group/group-ledger.ts";
import { LedgerSummary } from "../ledger/group/summary/summary.ts";
import { SummaryFile } from "../ledger/group/summary/summary-file.ts";
import { SummaryKeeper } from "../ledger/group/summary/summary-keeper.ts";
import { LocalDisk } from "../lib/local-disk.ts";
import { retry } from "../lib/retry.ts";
import { machineUpMs, thisBoot } from "../lib/this-process.ts";
import { native } from "../native/load-native.ts";
import { watchDisk } from "../observe/watched-disk.ts";
import { exitCode } from "./exit-code.ts";
import type { RoleRun } from "./role-run.ts";

const now = () => performance.now();

/** Runs until it is done or stopped. Returns the exit code. */
export async function runAsDownloader(run: RoleRun<DownloaderConfig>): Promise<number> {
  const { config, role, once, connected, effects, reporting, attempt } = run;
  const { log, observer } = reporting;
  const { followed } = connected;
  const disk = watchDisk(new LocalDisk(effects, native), observer.stalls, role.output);
  const file = new SummaryFile(disk, join(role.output, ".streamsend"));
  const upTime = { boot: thisBoot(), upMs: machineUpMs };
  const summary = new LedgerSummary({ file, version, upTime, log });
  const ledger = await retry({ ...attempt, what: "reading the ledger" }, () =>
    GroupLedger.open(role.group, connected.ledger, now, { summary }),
  );
  if (role.eventsTopic !== undefined) ledger.arrivals = await eventsOf(run, role.eventsTopic);
  run.ready();
  const topic = followed.chunks;
  const ended = new AbortController();
  const beside = AbortSignal.any([attempt.signal, ended.signal]);
  const following = ledger.follow(beside, log);
  observer.phase = "opening the output";
  try {
    const result = await runDownloader({
      ...{ common: config, config: role, topic, ledger },
      summary: new SummaryKeeper(summary, ledger, now),
      system: { disk, effects },
      reporting,
      run: { signal: attempt.signal, once },
    });
    return result.lostCount > 0 && once ? exitCode.failed : exitCode.done;
  } finally {
    ended.abort();
    await following;
    await ledger.close();
  }
}

async function eventsOf(
  { config, role, connected, reporting, attempt }: RoleRun<DownloaderConfig>,
  topic: string,
): Promise<Arrivals> {
  const { kafka } = config;
  const { log } = reporting;
  const { producer } = connected;
  const events = new ArrivalEvents({ kafka, config: role, topic, producer, log, signal: attempt.signal });
  await retry({ ...attempt, what: `looking up topic ${topic}` }, () => events.prepare());
  return events;
}
