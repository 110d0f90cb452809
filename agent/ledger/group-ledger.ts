/**
 * The downloaders' view of the ledger: what their group has delivered, and where it began. Read whole at start;
 * a path costs 24 bytes (`delivered-index.ts`).
 */
import { chunkKey, type VersionId } from "../wire/chunk.ts";
import type { DeliveredValue, StartValue } from "../wire/entry.ts";
import { DeliveredIndex } from "./delivered-index.ts";
import type { Ledger } from "./ledger.ts";

export class GroupLedger {
  readonly group: string;
  readonly #ledger: Ledger;
  readonly #delivered = new DeliveredIndex();
  #start: StartValue | undefined;
  #hasReceipts = false;

  private constructor(group: string, ledger: Ledger) {
    this.group = group;
    this.#ledger = ledger;
  }

  /** Reads the whole ledger. Throws a `KafkaError` when it can't be read. */
  static async open(group: string, ledger: Ledger): Promise<GroupLedger> {
    const self = new GroupLedger(group, ledger);
    const reader = await ledger.open(Array.from({ length: ledger.partitions }, (_, partition) => partition));
    try {
      while (!reader.caughtUp) for (const { entry } of await reader.read()) self.#take(entry);
    } finally {
      await reader.close();
    }
    return self;
  }

  /** The offsets that the group began at, if it has begun. */
  get start(): StartValue | undefined {
    return this.#start;
  }

  /** Whether the group has ever delivered anything. */
  get hasReceipts(): boolean {
    return this.#hasReceipts;
  }

  /** The newest version of the file that the group has delivered. */
  newestDelivered(id: { uploader: string; path: string }): number | undefined {
    return this.#delivered.get(chunkKey(id));
  }

  /** Notes a version as delivered here, before its receipt is written. */
  noteDelivered(id: VersionId): void {
    this.#delivered.set(chunkKey(id), id.version);
  }

  /**
   * Writes the receipt and drops the one of the version before. Resolves when the brokers have it; see
   * `Ledger.write`.
   */
  async writeDelivered(
    id: VersionId,
    size: number,
    checksum: string,
    before: number | undefined,
  ): Promise<void> {
    const { uploader, path, version } = id;
    const key = { kind: "delivered", group: this.group, uploader, path, version } as const;
    const value: DeliveredValue = { format: 1, size, checksum, time: new Date().toISOString() };
    const writes = [this.#ledger.write({ key, value })];
    if (before !== undefined && before !== version) {
      writes.push(this.#ledger.write({ key: { ...key, version: before }, value: null }));
    }
    await Promise.all(writes);
  }

  /** Writes that a version can't be stored, and why. See `Ledger.write`. */
  async writeFailed(id: VersionId, reason: string): Promise<void> {
    const { uploader, path, version } = id;
    const key = { kind: "failed", group: this.group, uploader, path, version } as const;
    await this.#ledger.write({ key, value: { format: 1, reason, time: new Date().toISOString() } });
  }

  /** Notes where the group begins; for its first member. See `Ledger.write`. */
  async writeStart(topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const named = Object.fromEntries([...offsets].map(([partition, offset]) => [String(partition), offset]));
    const value: StartValue = { format: 1, topic, offsets: named, time: new Date().toISOString() };
    await this.#ledger.write({ key: { kind: "start", group: this.group }, value });
    this.#start = value;
  }

  #take(entry: Parameters<Ledger["write"]>[0]): void {
    const { key, value } = entry;
    if (value === null || !("group" in key) || key.group !== this.group) return;
    if (key.kind === "start") this.#start = value as StartValue;
    if (key.kind === "delivered") {
      this.#hasReceipts = true;
      this.noteDelivered(key);
    }
  }
}
