/**
 * Versions that are unrecoverable here, whoever sends them again. Chunks of them that still come are not placed. Each gets a
 * receipt; as long as the brokers refuse it, it is owed.
 */
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Reporting } from "../../observe/reporting.ts";
import type { Attributes } from "../../wire/attributes.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import type { LedgerWrites } from "../recover/ledger-writes.ts";
import { fieldsOf, nameOf } from "../version-label.ts";

/** Which version, and in which partition of the topic it is. */
type Placed = VersionId & { readonly partition: number };

/** At most so many are kept. Of the others nothing is lost: they are missing, and fail again. */
const maxKept = 1000;

export class Failures {
  readonly #ledger: GroupLedger;
  readonly #writes: LedgerWrites;
  readonly #reporting: Reporting;
  /** By file, the version that failed. */
  readonly #unrecoverable = new BoundedMap<string, number>(maxKept);
  /** By file, what has no receipt yet. */
  readonly #owed = new BoundedMap<string, { id: Placed; reason: string }>(maxKept);
  #owedWritten = Promise.resolve();
  #count = 0;

  constructor(ledger: GroupLedger, writes: LedgerWrites, reporting: Reporting) {
    this.#ledger = ledger;
    this.#writes = writes;
    this.#reporting = reporting;
  }

  /** Versions that failed since the start. */
  get count(): number {
    return this.#count;
  }

  /** Whether the version has failed, and is not tried any more. */
  has(id: VersionId): boolean {
    return this.#unrecoverable.get(chunkKey(id)) === id.version;
  }

  /** Whether the version has failed, and its receipt is owed. */
  isOwed(id: VersionId): boolean {
    return this.#owed.get(chunkKey(id))?.id.version === id.version;
  }

  /** The version is tried once more. */
  retry(id: VersionId): void {
    if (this.has(id)) this.#unrecoverable.delete(chunkKey(id));
  }

  /** @param attributes as far as they are known */
  async add(id: Placed, reason: string, attributes?: Attributes): Promise<void> {
    const { log, observer } = this.#reporting;
    this.#unrecoverable.set(chunkKey(id), id.version);
    this.#count++;
    log.error(`${nameOf(id)}: failed: ${reason}`, { ...fieldsOf(id), attributes });
    observer.failed("failed", nameOf(id), reason);
    this.#owed.set(chunkKey(id), { id, reason });
    await this.writeOwed();
  }

  /** Writes the receipts that are owed, as far as the brokers take them. See `LedgerWrites`. */
  writeOwed(): Promise<void> {
    // One after the other: each is written once.
    this.#owedWritten = this.#owedWritten.then(() => this.#writeOwed());
    return this.#owedWritten;
  }

  async #writeOwed(): Promise<void> {
    for (const [key, owed] of this.#owed) {
      const { id, reason } = owed;
      const isMoot = this.#ledger.state.isDelivered(id, id.partition);
      if (!isMoot && !(await this.#writes.attempt(() => this.#ledger.writeFailed(id, reason)))) return;
      if (this.#owed.get(key) === owed) this.#owed.delete(key);
    }
  }
}
