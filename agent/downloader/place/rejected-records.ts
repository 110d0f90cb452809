/**
 * Records that are no chunk to place: a stranger's, broken, refused, corrupt, or a newer agent's. None of them stops the
 * reading. Each is counted and logged; when they are many, they are logged rarely. What a newer agent wrote is parked: its
 * place in the log is noted, and it is read again after an upgrade.
 */
import type { IncomingRecord } from "../../kafka/record-source.ts";
import type { Sent } from "../../ledger/group/outstanding.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { nameDigest } from "../../lib/name-hash.ts";
import { VersionIndex } from "../../lib/version-index.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { chunkKey, type Decoded } from "../../wire/chunk.ts";
import type { Part } from "../recover/log-replay.ts";
import type { ParkedRange } from "../store/notes.ts";
import { nameOf } from "../version-label.ts";

type Unplaceable = Exclude<Decoded, { kind: "chunk" } | { kind: "abandoned" }>;

/** At most so many versions that only a newer agent understands, and so many places of their records: 3 MiB each. */
const maxNewerSlots = 1 << 17;
/** At most so many refused files are kept, so that each is logged once: by a hash, as anybody may name them. */
const maxRefused = 10_000;
/** At most so many are logged one by one; the others rarely. */
const refusedAtOnce = 30;

export class RejectedRecords {
  readonly #topicId: string;
  readonly #reporting: Reporting;
  readonly #warnings: RareWarnings;
  readonly #refused = new BoundedMap<string, undefined>(maxRefused);
  readonly #newer = new VersionIndex(maxNewerSlots);
  /** The versions of such records by where they are. */
  readonly #newerAt = new VersionIndex(maxNewerSlots);
  #newerCount = 0;
  #parked: ParkedRange[] = [];
  /** What is being read again. */
  #unparked: ParkedRange[] = [];
  #parkedChanged = false;

  constructor(topicId: string, reporting: Reporting) {
    this.#topicId = topicId;
    this.#reporting = reporting;
    this.#warnings = new RareWarnings(reporting.log, { refused: refusedAtOnce });
  }

  /** Where such records are that were met before; of another topic nothing can be read any more. */
  restore(parked: readonly ParkedRange[]): void {
    this.#parked = parked.filter(({ topic }) => topic === this.#topicId);
  }

  /**
   * What is parked in these partitions, before these offsets: it is about to be read again. Until `unparked` says that it
   * was, the note on it stays: what is read past and not noted would be gone after a crash.
   */
  unpark(until: ReadonlyMap<number, number>): Part[] {
    const again = this.#parked.filter(({ partition }) => until.has(partition));
    this.#parked = this.#parked.filter((range) => !again.includes(range));
    this.#unparked.push(...again);
    if (again.length > 0) this.#reporting.log.info("what was parked until an upgrade is read again");
    return again.map(({ partition, from, to }) => ({
      partition,
      from,
      until: Math.min(to, until.get(partition) ?? 0),
    }));
  }

  /** All of these parts were read again; what still is of no use was parked again. */
  unparked(parts: readonly Part[]): void {
    const partitions = new Set(parts.map(({ partition }) => partition));
    this.#unparked = this.#unparked.filter(({ partition }) => !partitions.has(partition));
    this.#parkedChanged = true;
  }

  /** Files whose path was refused; about, if they are many. */
  get refusedCount(): number {
    return this.#refused.count;
  }

  /**
   * Whether only a newer agent understands the version: its last chunk, where its uploader says that it is, is such an agent's.
   * Elsewhere anybody may have written one.
   */
  isNewer(sent: Sent): boolean {
    return this.#newerAt.get(placeKey(sent, sent)) === sent.version;
  }

  /** Versions that were met since the start and that only a newer agent understands. */
  get newerCount(): number {
    return this.#newerCount;
  }

  /** Where parked records are. */
  get parked(): readonly ParkedRange[] {
    return [...this.#unparked, ...this.#parked];
  }

  get hasChanges(): boolean {
    return this.#parkedChanged;
  }

  /** All that is parked, if that has changed since the last call. */
  drainParked(): ParkedRange[] | undefined {
    if (!this.#parkedChanged) return undefined;
    this.#parkedChanged = false;
    return [...this.parked];
  }

  /** A batch of records that can't be read. What of it was sent and is missing will be asked for. */
  skip(reason: string, { partition, offset }: IncomingRecord): void {
    this.#reporting.observer.metrics.chunk("unreadable");
    const where = `partition ${partition}, up to offset ${offset}`;
    this.#warnings.warn("unreadable", `a batch of records was skipped: ${reason} (${where})`);
  }

  reject(decoded: Unplaceable, record: IncomingRecord): void {
    const where = `partition ${record.partition}, offset ${record.offset}`;
    this.#reporting.observer.metrics.chunk(decoded.kind);
    switch (decoded.kind) {
      case "foreign":
        this.#warnings.warn("foreign", `a record that is no chunk was skipped (${where})`);
        break;
      case "broken":
        this.#warnings.warn("broken", `a broken chunk was skipped: ${decoded.reason} (${where})`);
        break;
      case "corrupt": {
        const what = "a corrupt chunk was skipped: its CRC-32 does not fit";
        this.#warnings.warn("corrupt", `${nameOf(decoded)}: ${what} (${where})`);
        break;
      }
      case "refused":
        this.#refuse(decoded, where);
        break;
      case "newer":
        this.#park(decoded, record);
    }
  }

  #refuse(refused: Extract<Unplaceable, { kind: "refused" }>, where: string): void {
    const name = nameOf(refused);
    const hash = nameDigest(name);
    if (this.#refused.has(hash)) return;
    this.#refused.set(hash, undefined);
    this.#warnings.error("refused", `${name}: refused: ${refused.reason} (${where})`);
    this.#reporting.observer.failed("refused", name, refused.reason);
  }

  /** One range a partition: what else is in it does no harm when it is read again, and a million records are one note. */
  #park({ what, id }: Extract<Unplaceable, { kind: "newer" }>, { partition, offset }: IncomingRecord): void {
    if (id) this.#newerAt.set(placeKey(id, { partition, offset }), id.version);
    if (id && (this.#newer.get(chunkKey(id)) ?? 0) < id.version) {
      this.#newer.set(chunkKey(id), id.version);
      this.#newerCount++;
    }
    const known = this.#parked.find((range) => range.partition === partition);
    if (!known || offset < known.from || offset >= known.to) {
      const from = Math.min(offset, known?.from ?? offset);
      const to = Math.max(offset + 1, known?.to ?? 0);
      this.#parked = this.#parked.filter((range) => range !== known);
      this.#parked.push({ topic: this.#topicId, partition, from, to, what });
      this.#parkedChanged = true;
    }
    this.#warnings.warn(
      "newer",
      `a record of a newer version (${what}) is parked until this agent is upgraded (partition ${partition}, offset ${offset})`,
    );
  }
}

function placeKey(
  file: { uploader: string; path: string },
  place: { partition: number; offset: number },
): string {
  return `${place.partition}@${place.offset}/${chunkKey(file)}`;
}
