/** Taking entries out of the ledger, by tombstones. */
import { keyOf, type Tombstone, tombstone } from "../../wire/entry.ts";
import type { EntryKey } from "../../wire/entry-key.ts";
import type { EntryLog } from "../ledger.ts";
import { type IsWanted, standingIn } from "./standing-entries.ts";

/** Tombstones that are written side by side. */
const writtenAtATime = 500;

export interface TakingOut {
  log: EntryLog;
  partitions: readonly number[];
  /** Writes the tombstone; see `Ledger.write`. */
  write(entry: Tombstone): Promise<unknown>;
  /** Resolves when some may be taken out; throws what is to end it. */
  mayGoOn(): Promise<void>;
}

/** Groups and agents that work meanwhile may write more: it is looked for again so often. */
const mostRounds = 3;

/**
 * Takes out what stands under these keys, of each file one kind of keys after the other: a key's kind is the first that has it.
 * Returns how many entries that was. Throws a `KafkaError`, and what `options` throws.
 */
export async function takeOut(options: TakingOut, inTurn: readonly IsWanted[]): Promise<number> {
  let count = 0;
  for (let round = 0; round < mostRounds; round++) {
    const taken = await takeOnce(options, inTurn);
    count += taken;
    if (taken === 0) break;
  }
  return count;
}

async function takeOnce(options: TakingOut, inTurn: readonly IsWanted[]): Promise<number> {
  const { log, partitions } = options;
  let count = 0;
  let keys: EntryKey[] = [];
  const flush = async () => {
    if (keys.length === 0) return;
    await options.mayGoOn();
    await Promise.all(keys.map((key) => options.write(tombstone(key))));
    count += keys.length;
    keys = [];
  };
  for await (const standing of standingIn(log, partitions, (key) => inTurn.some((isIt) => isIt(key)))) {
    for (const turn of inTurn.keys()) {
      const isItsTurn = (key: EntryKey) => inTurn.findIndex((isWanted) => isWanted(key)) === turn;
      for await (const entries of standing.entries(isItsTurn)) {
        for (const { entry } of entries) {
          keys.push(keyOf(entry));
          if (keys.length >= writtenAtATime) await flush();
        }
      }
      await flush();
    }
  }
  return count;
}
