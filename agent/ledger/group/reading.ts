/**
 * How far a group has read the ledger, in two passes: first all but what uploaders note of their files, as what is settled stands behind
 * what it settles; then that, and on from there.
 */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import { nameDigest } from "../../lib/name-hash.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { mapKey, type VersionId } from "../../wire/chunk.ts";
import type { FilesEntry } from "../../wire/entry.ts";
import type { ReceiptKey } from "../../wire/entry-key.ts";

interface Failure {
  key: ReceiptKey<"failed">;
  /** Of its receipt, in the ledger. */
  offset: number;
}

/** Failures that are kept until it is known whether their files are. What does not fit is seen by a later reading. */
const maxFailures = 10_000;
const maxBytes = 2 << 20;
/** Uploaders whose last batch is kept. */
const maxBatches = 10_000;

export class Reading {
  #pass: "first" | "second" | "none" = "none";
  #isComplete = false;
  /**
   * Whether something may be unknown that was noted before what was read last: of another uploader than was read of, or as compaction has
   * taken it out before it could be read, and it was noted once more behind that. Until all is read, nothing is to be said of all that was
   * noted up to there, nor is anything over for having left its slot.
   */
  mayLack = true;
  /** By partition of the ledger, the offset after what was applied. */
  readonly #positions = new Map<number, number>();
  /** By partition, where the first pass has ended. */
  readonly #firstEnds = new Map<number, number>();
  #failures = noFailures();
  /** By uploader, its last batch. */
  #batches = new BoundedMap<string, { digest: string; offset: number }>(maxBatches);

  /** Whether all of the ledger was read since it was made. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Whether all of it is being read. */
  get isUnderWay(): boolean {
    return this.#pass !== "none";
  }

  get isFirstPass(): boolean {
    return this.#pass === "first";
  }

  /** What was noted before this offset of a partition of the ledger is known. */
  position(partition: number): number {
    return this.#positions.get(partition) ?? 0;
  }

  begin(): void {
    this.#pass = "first";
    this.#failures = noFailures();
  }

  beginSecond(): void {
    this.#pass = "second";
  }

  /** @param isNeeded whether a failure's version may still be of interest. Returns the failures that are not */
  end(isNeeded: (id: VersionId) => boolean): Failure[] {
    this.#pass = "none";
    this.#isComplete = true;
    const left = [...this.#failures.values()].filter(({ key }) => !isNeeded(key));
    this.#failures = noFailures();
    return left;
  }

  /** The ledger was recreated. */
  clear(): void {
    this.#pass = "none";
    this.#isComplete = false;
    this.mayLack = true;
    this.#positions.clear();
    this.#firstEnds.clear();
    this.#failures = noFailures();
    this.#batches = new BoundedMap(maxBatches);
  }

  /** All was read. */
  pack(to: Packer): void {
    to.list(this.#positions, ([partition, offset]) => to.count(partition).count(offset));
    to.list(this.#batches, ([uploader, { digest, offset }]) => to.text(uploader).text(digest).count(offset));
  }

  unpack(from: Unpacker): void {
    for (const [partition, offset] of from.list(() => [from.count(), from.count()] as const))
      this.#positions.set(partition, offset);
    const batch = () => [from.text(), { digest: from.text(), offset: from.count() }] as const;
    for (const [uploader, last] of from.list(batch)) this.#batches.set(uploader, last);
    this.#isComplete = true;
  }

  /** An entry is read. Returns whether it is to be applied: not if the pass before has. @param isFiles whether it is a batch */
  isNews(partition: number, offset: number, isFiles: boolean): boolean {
    const end = this.#firstEnds.get(partition) ?? 0;
    if (this.#pass === "first") {
      this.#firstEnds.set(partition, Math.max(end, offset + 1));
      return true;
    }
    this.#positions.set(partition, Math.max(this.position(partition), offset + 1));
    return isFiles || this.#pass === "none" || offset >= end;
  }

  /** A failure's receipt is read, or its tombstone. */
  noteFailure(key: ReceiptKey<"failed">, offset: number, stands: boolean): void {
    if (this.#pass === "none") return;
    if (stands) this.#failures.set(nameOf(mapKey(key), key.version), { key, offset });
    else this.#failures.delete(nameOf(mapKey(key), key.version));
  }

  /** Its uploader has the failed version, of the file of this key: see `mapKey`. Nothing but the receipt says that it has failed. */
  keepFailure(key: string, version: number): void {
    this.#failures.delete(nameOf(key, version));
  }

  /** Where a batch was said first: one whose acknowledgement was lost is there twice. */
  saidAt({ uploader, slot, next, open, files }: FilesEntry, offset: number): number {
    let said = [slot, next, ...open, ""].join("\n");
    for (const { version, state, offset = "", at = "", answered = "" } of files)
      said += `\n${version} ${state} ${offset} ${at} ${answered}`;
    const digest = nameDigest(said);
    const last = this.#batches.get(uploader);
    if (last?.digest === digest) return Math.min(last.offset, offset);
    this.#batches.set(uploader, { digest, offset });
    return offset;
  }
}

function nameOf(key: string, version: number): string {
  return `${version} ${key}`;
}

function noFailures(): BoundedMap<string, Failure> {
  return new BoundedMap(maxFailures, { most: maxBytes, of: (name) => 400 + 2 * textBytes(name) });
}
