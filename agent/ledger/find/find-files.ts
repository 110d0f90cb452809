/**
 * Where files are, by what stands in the ledger: for whoever asks, without an agent.
 *
 * The ledger is read twice: first what uploaders say, of which only what is looked for is kept, then what groups say of that. So a
 * group's word is never older than the note that it is about, and memory follows what is found, whatever else is in the ledger.
 *
 * Not promised: files that the ledger does not know yet (one of up to 16 MiB is noted when all of it is sent), or, without `most`, a bound
 * on what is found: whoever may write the ledger can make up any number of files, and of groups that have them.
 */
import { leaveGarbage } from "../../lib/garbage.ts";
import { keyOf } from "../../wire/entry.ts";
import { partitionOfEntry } from "../../wire/entry-key.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { filedUnder } from "../../wire/filed-under.ts";
import { partitionOf } from "../../wire/numbers.ts";
import type { EntryLog, LoggedEntry } from "../ledger.ts";
import { allPartitions, readWhole } from "../read-whole.ts";
import { type FileState, type GroupSaid, stateOf } from "./file-state.ts";
import { GroupsWords } from "./groups-words.ts";
import { type Noted, NotedFiles } from "./noted-files.ts";

/** What a file leaves behind that is put together and shown, bytes: two objects and a line. */
const garbageOfFile = 2 << 10;

export interface Sought {
  /** undefined: any. */
  uploader: string | undefined;
  /** @param path as text, see `wire/path.ts` */
  isPath(path: string, uploader: string): boolean;
  /** Of how many files at least, those of the newest versions, more is kept than that there are more; undefined: of all. */
  most?: number;
  /** Ends the reading, with its reason. */
  signal?: AbortSignal;
}

/** The newest version of a file, and where it is. */
export interface FoundFile {
  readonly uploader: string;
  /** As text, see `wire/path.ts`. */
  readonly path: string;
  readonly version: number;
  /** Bytes. */
  readonly size: number;
  readonly state: FileState;
  /** Up to where the brokers have acknowledged it, as far as its uploader has noted that; bytes. */
  readonly acknowledged: number;
  /** When its sending began, by the brokers' clock, milliseconds since 1970. */
  readonly timeMs: number;
  /** Those that say something of this version, by name. */
  readonly groups: readonly GroupSaid[];
  /** Whether it is still where it was sent from, as far as its uploader has noted that. */
  readonly source: "present" | "gone";
  /** Why its uploader has given it up. */
  readonly reason: string | undefined;
}

export interface FoundFiles {
  readonly count: number;
  /** Whether there are older ones, see `Sought.most`. */
  readonly hasMore: boolean;
  /** Those that were begun last come first. Each is put together as it is asked for, each time anew. */
  files(): Generator<FoundFile>;
}

/** Throws a `KafkaError`, and a `RecreatedError` when the ledger becomes another one. */
export async function findFiles(ledger: EntryLog, sought: Sought): Promise<FoundFiles> {
  const { uploader, isPath, most, signal } = sought;
  const isLookedFor = (file: { uploader: string; path: string }) =>
    (uploader === undefined || file.uploader === uploader || filedUnder(file.uploader) === uploader) &&
    isPath(file.path, filedUnder(file.uploader));
  const partitions =
    uploader === undefined ? allPartitions(ledger) : [partitionOf(filedUnder(uploader), ledger.partitions)];
  const read = { partitions, signal };
  const noted = new NotedFiles(isLookedFor, most);
  await forEach(ledger, read, (logged) => noted.apply(logged));
  const groups = new GroupsWords(noted, isLookedFor);
  await forEach(ledger, read, (logged) => groups.apply(logged), "files");
  groups.end();
  const { count, files } = noted.newestFirst();
  return {
    count,
    hasMore: noted.hasMore,
    *files() {
      for (const file of files()) {
        leaveGarbage(garbageOfFile);
        yield found(file, groups.of(file));
      }
    },
  };
}

/** What is in another partition than its key belongs to is nobody's. */
async function forEach(
  ledger: EntryLog,
  { partitions, signal }: { partitions: readonly number[]; signal: AbortSignal | undefined },
  apply: (logged: LoggedEntry) => void,
  without?: "files",
): Promise<void> {
  for await (const entries of readWhole(ledger, partitions, without)) {
    signal?.throwIfAborted();
    for (const logged of entries)
      if (partitionOfEntry(keyOf(logged.entry), ledger.partitions) === logged.partition) apply(logged);
  }
}

function found({ uploader, path, value, timeMs }: Noted, groups: readonly GroupSaid[]): FoundFile {
  const { version, size, state, reason } = value;
  return {
    ...{
      uploader: filedUnder(uploader),
      path,
      version,
      size,
      state: stateOf(state, groups),
      acknowledged: acknowledgedOf(value),
    },
    ...{ timeMs, groups, source: state === "gone" ? "gone" : "present", reason },
  };
}

function acknowledgedOf({ size, checksum, acknowledged = 0 }: FileValue): number {
  // The checksum is noted once all of it is acknowledged.
  return checksum !== undefined ? size : Math.min(size, acknowledged);
}
