/** Which store a receipt is of, and finding a store's receipts: they are to be taken back when its disk was rolled back. */
import { textBytes } from "../../lib/bounded-map.ts";
import { nameHash } from "../../lib/name-hash.ts";
import { keyOf } from "../../wire/entry.ts";
import { encodeEntryKey, type ReceiptKey } from "../../wire/entry-key.ts";
import type { EntryLog } from "../ledger.ts";
import { allPartitions, readWhole } from "../read-whole.ts";

/** A store, by a name for it without slashes, and how often it had published. */
export interface Stamp {
  store: string;
  number: number;
}

export function formatStamp({ store, number }: Stamp): string {
  return `${store}/${number}`;
}

/** What `formatStamp` wrote, `undefined` for anything else. */
export function parseStamp(text: string | undefined): Stamp | undefined {
  const [, store, number] = /^([^/]+)\/(\d{1,15})$/.exec(text ?? "") ?? [];
  return store === undefined ? undefined : { store, number: Number(number) };
}

/** Stores that are told apart. How often others have published is unknown. */
const maxStores = 1000;

/** The highest number that there is a receipt of, a store. */
export class PublicationNumbers {
  readonly #highest = new Map<string, number>();
  #hasForgotten = false;

  note(by: string | undefined): void {
    const stamp = parseStamp(by);
    if (!stamp) return;
    const { store, number } = stamp;
    const known = this.#highest.get(store);
    if (known === undefined && this.#highest.size >= maxStores) this.#hasForgotten = true;
    else if ((known ?? 0) < number) this.#highest.set(store, number);
  }

  /** Whether there may be a receipt of the store with a number above this one. */
  mayBeAbove(store: string, number: number): boolean {
    const known = this.#highest.get(store);
    return known === undefined ? this.#hasForgotten : known > number;
  }
}

interface StoreReceipts {
  keys: ReceiptKey<"delivered">[];
  /** About what all that are wanted would take in memory. */
  bytes: number;
  /** The highest number of any of the store's receipts; 0: there is none. */
  highest: number;
}

/** About what is held of the receipts at a time. */
const maxReceiptBytes = 16 << 20;

/** One of several shares of the receipts, by their hash. */
interface Share {
  of: number;
  at: number;
}

/** Which receipts are wanted: the group's, written by the store, of those that `isLost`, told their key as text and their number. */
export interface LostReceipts {
  group: string;
  store: string;
  isLost: (key: string, number: number) => boolean;
}

/** Tombstones that are written at a time. */
const writtenAtATime = 500;

/**
 * Takes them back. Returns how many those are, and the highest number of any of the store's. Throws a `KafkaError`, and what
 * `takeBack` throws.
 */
export async function takeBackReceiptsOf(
  log: EntryLog,
  lost: LostReceipts,
  takeBack: (key: ReceiptKey<"delivered">) => Promise<void>,
): Promise<{ count: number; highest: number }> {
  const takeBackAll = async (keys: readonly ReceiptKey<"delivered">[]) => {
    for (let at = 0; at < keys.length; at += writtenAtATime)
      await Promise.all(keys.slice(at, at + writtenAtATime).map(takeBack));
    return keys.length;
  };
  const all = await findReceiptsOf(log, lost);
  const of = Math.ceil(all.bytes / maxReceiptBytes);
  let count = await takeBackAll(all.keys);
  // More than is held at a time: the ledger is read once for each share of them.
  for (let at = 0; of > 1 && at < of; at++)
    count += await takeBackAll((await findReceiptsOf(log, lost, { of, at })).keys);
  return { count, highest: all.highest };
}

/**
 * Reads the whole ledger for receipts that stand and are wanted. Throws a `KafkaError`.
 *
 * @param share of those; if one is all, and that is more than `maxReceiptBytes`, there are no keys
 */
async function findReceiptsOf(
  log: EntryLog,
  { group, store, isLost }: LostReceipts,
  share: Share = { of: 1, at: 0 },
): Promise<StoreReceipts> {
  const found = new Map<string, ReceiptKey<"delivered">>();
  let [bytes, highest] = [0, 0];
  for await (const entries of readWhole(log, allPartitions(log))) {
    for (const { entry } of entries) {
      const key = keyOf(entry);
      if (key.kind !== "delivered" || key.group !== group) continue;
      const stamp = entry.kind === "delivered" ? parseStamp(entry.by) : undefined;
      const name = encodeEntryKey(key);
      // The last one counts: it may have been taken back, or be another store's since.
      found.delete(name);
      if (stamp?.store !== store) continue;
      highest = Math.max(highest, stamp.number);
      if (!isLost(name, stamp.number)) continue;
      bytes += 300 + 2 * textBytes(name);
      if (share.of > 1 ? nameHash(name)[0] % share.of === share.at : bytes <= maxReceiptBytes)
        found.set(name, key);
    }
  }
  const isTooMuch = share.of === 1 && bytes > maxReceiptBytes;
  return { keys: isTooMuch ? [] : [...found.values()], bytes, highest };
}
