/**
 * Receipts that are here before the entry that they are about: a small file may be delivered before its uploader has noted it as
 * sent, or the uploader was killed before that.
 */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import { attributesBytes } from "../../wire/attributes.ts";
import type { GroupReceipt } from "./version-receipts.ts";

/** Thirty thousand of short paths. */
const maxEarlyBytes = 16 << 20;
/** Receipts that are kept of one path. */
const maxOfPath = 100;

/** Receipts that came before the entry that they are about. Bounded: the oldest is forgotten first, until the next start. */
export class EarlyReceipts {
  readonly #byPath = new BoundedMap<string, readonly GroupReceipt[]>(100_000, {
    most: maxEarlyBytes,
    of: (path, receipts) => receipts.reduce((sum, receipt) => sum + bytesOf(receipt), 200 + textBytes(path)),
  });

  put(receipt: GroupReceipt): void {
    const { path, version, group, verdict } = receipt;
    const others = (this.#byPath.get(path) ?? []).filter(
      (one) => one.version !== version || one.group !== group || one.verdict !== verdict,
    );
    this.#byPath.set(path, [...others.slice(-maxOfPath + 1), receipt]);
  }

  /** The ones for this version, which is the path's present one; older ones are forgotten. */
  drain(path: string, version: number): GroupReceipt[] {
    const known = this.#byPath.get(path) ?? [];
    this.#keep(
      path,
      known.filter((receipt) => receipt.version > version),
    );
    return known.filter((receipt) => receipt.version === version);
  }

  /** The newest version of the path that a group has. */
  newestDelivered(path: string): GroupReceipt | undefined {
    const delivered = this.#byPath.get(path)?.filter(({ verdict }) => verdict === "delivered") ?? [];
    return delivered.sort((a, b) => b.version - a.version)[0];
  }

  paths(): IterableIterator<string> {
    return this.#byPath.keys();
  }

  takeBack({ path, version, group, verdict }: GroupReceipt): void {
    const known = this.#byPath.get(path) ?? [];
    this.#keep(
      path,
      known.filter((one) => one.version !== version || one.group !== group || one.verdict !== verdict),
    );
  }

  #keep(path: string, receipts: readonly GroupReceipt[]): void {
    if (receipts.length === 0) this.#byPath.delete(path);
    else this.#byPath.set(path, receipts);
  }
}

/** About what a receipt takes in memory. */
function bytesOf({ group, checksum, mtime, reason, attributes }: GroupReceipt): number {
  const texts = textBytes(group) + textBytes(checksum) + textBytes(mtime) + textBytes(reason);
  return 200 + texts + attributesBytes(attributes);
}
