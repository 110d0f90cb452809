/**
 * Versions whose chunks are spread over several partitions. Only a member that has all of these puts one together; one that
 * has some of them refuses it, and says so: the chunks pass by, and all that is kept is an entry in memory. Nothing is lost by
 * that. Once one member has all, it finds from the ledger what was sent and is not there, and reads it from the log.
 */
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import { maxOutstanding, type Sent } from "../../ledger/group/outstanding.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { shownPath } from "../../observe/status.ts";
import { type Chunk, mapKey, type VersionId } from "../../wire/chunk.ts";
import { isSpread } from "../../wire/places.ts";
import type { ChunkTopic } from "../parts.ts";
import { fieldsOf, nameOf } from "../version-label.ts";

export interface SpreadOptions {
  topic: Pick<ChunkTopic, "id" | "partitions">;
  /** Of the partitions that this member has. */
  positions: ReadonlyMap<number, number>;
  ledger: { readonly state: Pick<GroupLedger["state"], "isSettled"> };
  reporting: Reporting;
  now(): number;
}

/** A version that is refused here, and how much of it this member has. */
export interface Refused {
  id: VersionId;
  reason: string;
}

interface Met {
  id: VersionId;
  partitions: readonly number[];
  /** When it was heard of last, by the monotonic clock; `isSent`: the ledger said so. */
  heardAtMs: number;
  isSent: boolean;
}

/** At most so many are kept, and so many bytes of them. */
const maxBytes = 4 << 20;
/** What was sent is checked every second. */
const sentMs = 30_000;
/** What is being sent is kept as long as chunks of it come. */
const beingSentMs = 600_000;
const maxNamed = 5;

export class SpreadVersions {
  readonly #options: SpreadOptions;
  readonly #warnings: RareWarnings;
  /** By file. */
  readonly #met = new BoundedMap<string, Met>(maxOutstanding, {
    most: maxBytes,
    of: (key, { id, partitions }) => 300 + key.length + 2 * id.path.length + 8 * partitions.length,
  });

  constructor(options: SpreadOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.reporting.log);
  }

  /** Whether this member may put the chunk's version together; else it is refused. */
  admits({ uploader, path, version, from }: Chunk): boolean {
    if (!from || !isSpread(from, this.#options.topic.id)) return true;
    const partitions = from.offsets.map(({ partition }) => partition);
    if (this.#countOf(partitions) === partitions.length) return true;
    this.#refuse({ uploader, path, version }, partitions, false);
    return false;
  }

  /** The version was sent whole, and is not this member's to get. It is refused if some of it is. */
  pass({ uploader, path, version, topic, places }: Sent): void {
    if (topic !== this.#options.topic.id || places.length === 1) return;
    const partitions = places.map(({ partition }) => partition);
    if (this.#countOf(partitions) > 0) this.#refuse({ uploader, path, version }, partitions, true);
  }

  /** Its uploader has given the version up. */
  remove(id: VersionId): void {
    if (this.#met.get(mapKey(id))?.id.version === id.version) this.#met.delete(mapKey(id));
  }

  /** Removes what is settled, and what nothing was heard of for long: it is superseded, or its uploader is away. */
  removeSettled(): void {
    const { ledger, now } = this.#options;
    const nowMs = now();
    for (const [key, met] of this.#met) {
      const isSilent = nowMs - met.heardAtMs > (met.isSent ? sentMs : beingSentMs);
      if (isSilent || !this.#isRefused(met) || ledger.state.isSettled(met.id, met.partitions[0] ?? 0))
        this.#met.delete(key);
    }
  }

  /** How many versions are refused now. */
  get count(): number {
    let count = 0;
    for (const met of this.#met.values()) if (this.#isToReport(met)) count++;
    return count;
  }

  *refused(): Generator<Refused> {
    for (const met of this.#met.values()) if (this.#isToReport(met)) yield this.#describe(met);
  }

  /** Why this member is not ready, if it refuses any. */
  reasons(): readonly string[] {
    const { count } = this;
    if (count === 0) return [];
    const names = [...this.refused().take(maxNamed)].map(({ id }) => shownPath(nameOf(id)));
    const named = `${names.join(", ")}${count > maxNamed ? ` and ${count - maxNamed} more` : ""}`;
    const what = count === 1 ? "1 spread file is refused" : `${count} spread files are refused`;
    const why = `${what}, as this member does not have all partitions: ${named}; taken once one member of the group has all of them: stop the others, or set uploader.partitioning: file`;
    return [why];
  }

  #refuse(id: VersionId, partitions: readonly number[], isSent: boolean): void {
    const key = mapKey(id);
    const isNew = this.#met.get(key)?.id.version !== id.version;
    const met = { id, partitions, heardAtMs: this.#options.now(), isSent };
    this.#met.set(key, met);
    if (!isNew) return;
    const { observer, log } = this.#options.reporting;
    observer.metrics.file("parked");
    const line = `${nameOf(id)}: refused: ${this.#describe(met).reason}; it is fetched once one member of the group has all`;
    log.debug(line, fieldsOf(id));
    this.#warnings.warn("spread", line);
  }

  #describe({ id, partitions }: Met): Refused {
    const here = this.#countOf(partitions);
    return {
      id,
      reason: `it is spread over ${partitions.length} partitions, and this member has ${here} of them`,
    };
  }

  /** Whether this member has some of it, and not all. */
  #isRefused({ partitions }: Met): boolean {
    const count = this.#countOf(partitions);
    return count > 0 && count < partitions.length;
  }

  /** What names partitions that there are not is a stranger's: nobody can take it, and that is no fault of the group. */
  #isToReport(met: Met): boolean {
    const { partitions } = this.#options.topic;
    return this.#isRefused(met) && met.partitions.every((partition) => partition < partitions);
  }

  #countOf(partitions: readonly number[]): number {
    return partitions.filter((partition) => this.#options.positions.has(partition)).length;
  }
}
