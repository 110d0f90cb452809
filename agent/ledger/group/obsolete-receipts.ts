/** A group's receipts that nobody needs any more and that are to be dropped from the ledger. */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";
import type { VersionId } from "../../wire/chunk.ts";
import { encodeEntryKey, type ReceiptKey, type ReceiptKind } from "../../wire/entry-key.ts";

type Receipt = ReceiptKey<ReceiptKind>;

/** Receipts that are kept. What does not fit is found when the ledger is read again. */
const maxReceipts = 10_000;
const maxBytes = 2 << 20;

export class ObsoleteReceipts {
  /** By key, with the offset of the ledger at which it became obsolete. */
  readonly #byKey = new BoundedMap<string, { key: Receipt; offset: number }>(maxReceipts, {
    most: maxBytes,
    of: (name, { key }) => 250 + textBytes(name) + textBytes(key.path),
  });

  get size(): number {
    return this.#byKey.size;
  }

  note(key: Receipt, offset: number): void {
    this.#byKey.set(encodeEntryKey(key), { key, offset });
  }

  /** Something stands under the key at an offset: if that is a later one, it is dropped already, or was written again. */
  read(key: Receipt, offset: number): void {
    if (this.#byKey.size === 0) return;
    const name = encodeEntryKey(key);
    if (offset > (this.#byKey.get(name)?.offset ?? offset)) this.#byKey.delete(name);
  }

  /** At most `count` of those that `isOurs`. They are removed here, to be dropped from the ledger now. */
  drain(isOurs: (id: VersionId) => boolean, count: number): Receipt[] {
    const ours = [...this.#byKey].filter(([, { key }]) => isOurs(key)).slice(0, count);
    for (const [name] of ours) this.#byKey.delete(name);
    return ours.map(([, { key }]) => key);
  }

  pack(to: Packer): void {
    to.list(this.#byKey.values(), ({ key, offset }) => to.text(JSON.stringify(key)).count(offset));
  }

  unpack(from: Unpacker): void {
    const receipt = () => [JSON.parse(from.text()) as Receipt, from.count()] as const;
    for (const [key, offset] of from.list(receipt)) this.note(key, offset);
  }
}
