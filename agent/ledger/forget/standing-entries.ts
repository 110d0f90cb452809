/**
 * What stands in a ledger of any size, in bounded memory: a first reading notes where the last word on each key is, in 24 to 64
 * bytes a key, and a second one has what stands there. Of more keys than are kept, that is done once for each share of the uploaders.
 */
import { nameHash } from "../../lib/name-hash.ts";
import { VersionIndex } from "../../lib/version-index.ts";
import { keyOf } from "../../wire/entry.ts";
import { type EntryKey, encodeEntryKey, partitionOfEntry } from "../../wire/entry-key.ts";
import type { EntryLog, LoggedEntry } from "../ledger.ts";
import { readWhole } from "../read-whole.ts";

/** Which keys are of interest. */
export type IsWanted = (key: EntryKey) => boolean;

/** Keys of a share; a third of what `VersionIndex` has room for. */
const keysAtATime = 500_000;

/** The entries of a share of the uploaders, as they stood when it was looked at. */
export interface Standing {
  /** Reads them from the ledger, each time anew, some at a time. Throws a `KafkaError`. */
  entries(isAsked?: IsWanted): AsyncGenerator<LoggedEntry[]>;
}

/**
 * What stands under these keys in these partitions, share by share, and nothing where nothing does; all that is about one uploader is in one share. What is in another
 * partition than its key belongs to is nobody's. Throws a `KafkaError`.
 *
 * @param atATime for the tests
 */
export async function* standingIn(
  log: EntryLog,
  partitions: readonly number[],
  isWanted: IsWanted,
  atATime = keysAtATime,
): AsyncGenerator<Standing> {
  const { lastWords, count, left } = await lastWordsIn(log, partitions, isWanted, 2 * atATime);
  const shares = Math.ceil(count / atATime);
  if (left === 0 && shares <= 2) return;
  if (shares <= 1) return yield standing(log, partitions, isWanted, lastWords);
  for (let share = 0; share < shares; share++) {
    const isOurs = (key: EntryKey) => isWanted(key) && nameHash(shareName(key))[0] % shares === share;
    const { lastWords: ofShare } = await lastWordsIn(log, partitions, isOurs);
    yield standing(log, partitions, isOurs, ofShare);
  }
}

/**
 * By key, the offset after its last word, unless that is a tombstone. `count`: how many words there were, some overwritten since;
 * `left`: how many keys have one that stands, if all were noted.
 *
 * @param most of them that are noted
 */
async function lastWordsIn(
  log: EntryLog,
  partitions: readonly number[],
  isWanted: IsWanted,
  most = Number.POSITIVE_INFINITY,
): Promise<{ lastWords: VersionIndex; count: number; left: number }> {
  const lastWords = new VersionIndex();
  let [count, left] = [0, 0];
  for await (const entries of wantedIn(log, partitions, isWanted)) {
    for (const { entry, offset } of entries) {
      const name = encodeEntryKey(keyOf(entry));
      const isThere = lastWords.get(name) !== undefined;
      if (entry.kind === "tombstone") {
        lastWords.forget(name);
        if (isThere) left--;
      } else if (++count <= most) {
        lastWords.set(name, offset + 1);
        if (!isThere) left++;
      }
    }
  }
  return { lastWords, count, left };
}

function standing(
  log: EntryLog,
  partitions: readonly number[],
  isWanted: IsWanted,
  lastWords: Pick<VersionIndex, "get">,
): Standing {
  return {
    async *entries(isAsked = () => true) {
      for await (const entries of wantedIn(log, partitions, (key) => isWanted(key) && isAsked(key)))
        yield entries.filter(
          ({ entry, offset }) => lastWords.get(encodeEntryKey(keyOf(entry))) === offset + 1,
        );
    },
  };
}

async function* wantedIn(
  log: EntryLog,
  partitions: readonly number[],
  isWanted: IsWanted,
): AsyncGenerator<LoggedEntry[]> {
  for await (const entries of readWhole(log, partitions))
    yield entries.filter(({ entry, partition }) => {
      const key = keyOf(entry);
      return isWanted(key) && partitionOfEntry(key, log.partitions) === partition;
    });
}

function shareName(key: EntryKey): string {
  return "uploader" in key ? key.uploader : encodeEntryKey(key);
}
