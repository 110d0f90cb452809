/** Writing a group's marks: one record for all that is delivered of an uploader in a partition of the chunks. */
import { timeNow } from "../../lib/clock.ts";
import type { VersionId } from "../../wire/chunk.ts";
import type { DoneEntry } from "../../wire/entry.ts";
import { partitionOfEntry } from "../../wire/entry-key.ts";
import type { EarlyFile } from "../../wire/entry-value.ts";
import type { EntryLog } from "../ledger.ts";
import type { MarkId } from "./all-marks.ts";
import type { GroupFollower } from "./group-follower.ts";
import type { GroupState } from "./group-state.ts";
import type { Delivered } from "./noted.ts";
import { withStores } from "./store-numbers.ts";

/** A version that has its name on the disk for good. */
export interface Stored {
  id: VersionId;
  /** Of the chunks that it came in. */
  partition: number;
  content: Pick<EarlyFile, "attributes" | "size" | "checksum" | "mtime">;
}

/** A store, and how often it had published. */
export interface Store {
  id: string;
  number: number;
}

export interface Written {
  marks: DoneEntry[];
  /** Versions that are not remembered, as their mark is full. */
  forgottenCount: number;
}

type Follower = Pick<GroupFollower, "readToEnd" | "readAgain" | "makeSure">;

export class MarkWriter {
  readonly #state: GroupState;
  readonly #log: EntryLog;
  readonly #follower: Follower;
  /** A record says all that the one before has said: each waits for that. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(state: GroupState, log: EntryLog, follower: Follower) {
    this.#state = state;
    this.#log = log;
    this.#follower = follower;
  }

  /** Writes the marks of what is stored. See `Ledger.write`. */
  write(stored: readonly Stored[], store: Store): Promise<Written> {
    return this.#inTurn(async () => {
      const shares = byMark(stored);
      const { marks } = this.#state.versions;
      const unknown = shares.map(({ mark }) => mark.uploader).filter((uploader) => !marks.isWhole(uploader));
      if (unknown.length > 0) await this.#follower.readAgain(new Set(unknown));
      return this.#writeAll(shares, store);
    });
  }

  /**
   * Writes these marks as they are known here, but not of an uploader of which something was forgotten: the ledger says more, and reading
   * it for them, which may be anybody's, would hold up what is delivered. See `Ledger.write`.
   */
  writeAgain(marks: readonly MarkId[]): Promise<unknown> {
    const all = this.#state.versions.marks;
    return this.#inTurn(() => {
      const known = Map.groupBy(marks, ({ uploader }) => all.isWhole(uploader));
      for (const mark of known.get(false) ?? []) all.noteClean(mark);
      const shares = (known.get(true) ?? []).map((mark) => ({ mark, stored: [] }));
      return this.#writeAll(shares, undefined);
    });
  }

  #inTurn(write: () => Promise<Written>): Promise<Written> {
    const turn = this.#last.then(write);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #writeAll(marks: readonly Share[], store: Store | undefined): Promise<Written> {
    if (marks.length > 0 && this.#state.reading.mayLack) await this.#follower.readToEnd();
    if (marks.length > 0) await this.#follower.makeSure();
    const written = await Promise.all(marks.map((share) => this.#write(share, store)));
    const forgottenCount = written.reduce((sum, one) => sum + one.forgottenCount, 0);
    return { marks: written.map(({ entry }) => entry), forgottenCount };
  }

  /** Again if the ledger is another one by the time that the brokers have it: its offsets are others. */
  async #write({ mark, stored }: Share, store: Store | undefined): Promise<Drafted> {
    for (;;) {
      const { recreations, ledgerId } = this.#state;
      const delivered = stored.map((one) => this.#delivered(one));
      const drafted = this.#draft(mark, delivered, store);
      const { offset } = await this.#writeDraft(mark, drafted.entry, ledgerId);
      if (this.#log.id !== ledgerId) await this.#follower.readToEnd();
      if (this.#state.recreations !== recreations) continue;
      this.#state.noteWritten(mark, drafted.entry, offset, delivered);
      return drafted;
    }
  }

  /** What it lacks by the time that the brokers have it is not said by it. */
  async #writeDraft(mark: MarkId, entry: DoneEntry, ledgerId: string): Promise<{ offset: number }> {
    const { marks } = this.#state.versions;
    const wasDirty = marks.noteClean(mark);
    try {
      return await this.#log.write(entry, ledgerId);
    } catch (error) {
      if (wasDirty) marks.noteDirty(mark.uploader, [mark]);
      throw error;
    }
  }

  #delivered({ id, content }: Stored): Delivered {
    const { path, version } = id;
    const { size, checksum, mtime, attributes } = content;
    const { versions } = this.#state;
    const more = { supersedes: versions.supersededBy(id), isBefore: versions.isBefore(id) };
    return { path, version, size, checksum, mtime, attributes, ...more };
  }

  #draft(
    { uploader, partition }: MarkId,
    delivered: readonly Delivered[],
    store: Store | undefined,
  ): Drafted {
    const { start, reading, versions, group } = this.#state;
    const at = reading.position(partitionOfEntry({ kind: "name", uploader }, this.#log.partitions));
    return versions.marks.change(uploader, (marks) => {
      const { forgottenCount, ...lists } = marks.draft(partition, delivered);
      const known = marks.marks.get(partition)?.by ?? new Map<string, number>();
      const by = Object.fromEntries(withStores(known, store ? [[store.id, store.number]] : []));
      const began = start.of(partition);
      const value = { format: 1 as const, ...lists, at, by, time: timeNow(), ...(began && { start: began }) };
      return { entry: { kind: "done", group, uploader, partition, ...value }, forgottenCount };
    });
  }
}

interface Drafted {
  entry: DoneEntry;
  forgottenCount: number;
}

interface Share {
  mark: MarkId;
  stored: Stored[];
}

function byMark(stored: readonly Stored[]): Share[] {
  const shares = new Map<string, Share>();
  for (const one of stored) {
    const mark = { uploader: one.id.uploader, partition: one.partition };
    const share = shares.getOrInsertComputed(`${mark.uploader} ${mark.partition}`, () => ({
      mark,
      stored: [],
    }));
    share.stored.push(one);
  }
  return [...shares.values()];
}
