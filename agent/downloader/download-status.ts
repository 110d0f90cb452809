/** What the downloader is doing, for the metrics and the status: asked for at any time, answered from memory. */
import type { Metrics } from "../observe/metrics.ts";
import { listed, type RoleReport, type StatusSource } from "../observe/status.ts";
import { lengthOf } from "../wire/byte-ranges.ts";
import { filedUnder } from "../wire/filed-under.ts";
import type { Assignment } from "./group/assignment.ts";
import type { GroupWait } from "./group/group-wait.ts";
import type { SessionKafka } from "./parts.ts";
import type { Assembly } from "./place/assembly.ts";
import type { RejectedRecords } from "./place/rejected-records.ts";
import type { SpreadVersions } from "./place/spread-versions.ts";
import type { Repair } from "./recover/repair.ts";
import { nameOf } from "./version-label.ts";

export interface DownloadParts {
  readonly assembly: Assembly;
  readonly rejected: RejectedRecords;
  readonly spread: Pick<SpreadVersions, "count" | "reasons" | "refused">;
  readonly repair: Repair;
  readonly assignment: Assignment;
  readonly groupWait: Pick<GroupWait, "reasons" | "unreadRecords">;
}

export class DownloadStatus implements StatusSource {
  readonly #parts: DownloadParts;
  readonly #kafka: SessionKafka;

  constructor(metrics: Metrics, parts: DownloadParts, kafka: SessionKafka) {
    this.#parts = parts;
    this.#kafka = kafka;
    const { assembly, rejected, spread } = parts;
    const { ledger } = kafka;
    metrics.observe({
      inFlightBytes: () => assembly.placingBytes,
      incompleteFiles: () => assembly.partials.unfinishedCount,
      waitingFiles: () => ledger.state.outstanding.size,
      consumerLagChunks: () => this.#lag,
      parkedFiles: () => assembly.partials.room.parkedCount + rejected.newerCount + spread.count,
    });
  }

  report(): RoleReport {
    const { assembly, rejected, spread, repair } = this.#parts;
    const { ledger } = this.#kafka;
    const { partials } = assembly;
    const noRoom = listed(partials.room.parked(), partials.room.parkedCount, (id) => ({
      path: nameOf(id),
      reason: `no room for ${id.bytes} bytes`,
    }));
    const elsewhere = listed(spread.refused(), spread.count, ({ id, reason }) => {
      return { path: nameOf(id), reason };
    });
    const newer = rejected.parked.map(({ partition, from, to, what }) => ({
      path: `partition ${partition}, offsets ${from} to ${to - 1}`,
      reason: `written by a newer agent (${what})`,
    }));
    const needed = [...repair.needed()];
    return {
      waiting: ledger.state.outstanding.size,
      moving: listed(
        partials.unfinished,
        partials.unfinishedCount,
        ({ id, size, bytesMissing, attributes }) => ({
          path: nameOf(id),
          version: id.version,
          bytes: size - bytesMissing,
          size,
          attributes,
        }),
      ),
      parked: {
        count: noRoom.count + elsewhere.count + rejected.newerCount,
        items: [...noRoom.items, ...elsewhere.items, ...newer],
      },
      needed: listed(needed, needed.length, (sent) => ({
        path: nameOf(sent),
        version: sent.version,
        bytes: lengthOf(partials.missingOf(sent)),
      })),
      lag: this.#lag,
    };
  }

  /** A pause of everything is a trouble of `retry`, which says why. */
  notReady(): readonly string[] {
    const { assembly, spread, groupWait } = this.#parts;
    const { room } = assembly.partials;
    const { parkedCount } = room;
    const reasons = [...groupWait.reasons, ...spread.reasons()];
    if (parkedCount === 0) return reasons;
    let bytes = 0;
    for (const version of room.parked()) bytes += version.bytes;
    const who = parkedCount === 1 ? "1 file waits" : `${parkedCount} files wait`;
    return [
      ...reasons,
      `${who} for room, ${bytes} missing bytes: make room in the output, or lower downloader.min_free`,
    ];
  }

  waits(): readonly string[] {
    return this.#parts.repair.waits();
  }

  inFlight(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { id } of this.#parts.assembly.partials.unfinished) {
      const name = filedUnder(id.uploader);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  get #lag(): number {
    const { assignment, groupWait } = this.#parts;
    const { group } = this.#kafka;
    let lag = groupWait.unreadRecords;
    for (const [partition, position] of assignment.positions)
      lag += Math.max(0, (group.knownEnd(partition) ?? position) - position);
    return lag;
  }
}
