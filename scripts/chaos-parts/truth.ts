/**
 * The record of the truth: every content that the generator gave to every path, in order, and where each has arrived.
 * It knows nothing of agents, and judges what the watcher sees.
 */

/** What tells a content of a path from the others: an empty file has the same checksum each time, but not the same time. */
export interface Content {
  md5: string;
  /** Bytes. */
  size: number;
  mtimeNs: bigint;
}

/** A content of a path, from when it was put there until something else was done to the path. */
export interface State extends Content {
  /** Its place in the order of this path's contents. */
  readonly index: number;
  readonly sinceMs: number;
  /** Until when the generator left it alone; undefined: it stands there now. */
  untilMs: number | undefined;
  /** How it ended there. `taken`: the agent removed it, as `after: delete` asks. */
  end: "replaced" | "removed" | "taken" | undefined;
  /** Disks that it has been published on, and how often. */
  readonly published: Map<string, number>;
}

/** `UPLOADER/PATH` with all its contents. */
export interface FileRecord {
  readonly key: string;
  readonly states: State[];
  /** The newest content that each disk had, by its index. */
  readonly newestOn: Map<string, number>;
}

/** A directory that a downloader publishes to. */
export interface Disk {
  name: string;
  group: string;
}

/**
 * new: as it should be. again: a content that this disk had already, to be explained. older: after a newer one.
 * foreign: no content that this path ever had.
 */
export type Judgement =
  | { kind: "new" | "again" | "older"; record: FileRecord; state: State }
  | { kind: "foreign"; record: FileRecord | undefined };

export class Truth {
  readonly #disks: readonly Disk[];
  readonly #records = new Map<string, FileRecord>();
  #delivered = 0;

  constructor(disks: readonly Disk[]) {
    this.#disks = disks;
  }

  /** Contents that at least one group has. */
  get deliveredStates(): number {
    return this.#delivered;
  }

  get records(): Iterable<FileRecord> {
    return this.#records.values();
  }

  record(key: string): FileRecord | undefined {
    return this.#records.get(key);
  }

  /** How many contents agents have taken away. */
  get taken(): number {
    let count = 0;
    for (const { states } of this.#records.values())
      count += states.filter(({ end }) => end === "taken").length;
    return count;
  }

  /** The content that stands at a path now. */
  current(key: string): State | undefined {
    const last = this.#records.get(key)?.states.at(-1);
    return last?.untilMs === undefined ? last : undefined;
  }

  /** The generator puts a content at a path. To be called before an agent can see it. */
  wrote(key: string, content: Content, nowMs: number): State {
    const record: FileRecord = this.#records.get(key) ?? { key, states: [], newestOn: new Map() };
    this.#records.set(key, record);
    this.ended(key, "replaced", nowMs);
    const { md5, size, mtimeNs } = content;
    const index = record.states.length;
    const state: State = {
      md5,
      size,
      mtimeNs,
      index,
      sinceMs: nowMs,
      untilMs: undefined,
      end: undefined,
      published: new Map(),
    };
    record.states.push(state);
    return state;
  }

  /** The content of a path does not stand there any more. */
  ended(key: string, end: NonNullable<State["end"]>, nowMs: number): void {
    const state = this.current(key);
    if (!state) return;
    state.untilMs = nowMs;
    state.end = end;
  }

  /** A file appeared under its name on a disk. */
  published(disk: string, key: string, seen: Content): Judgement {
    const record = this.#records.get(key);
    const matches = record?.states.filter((state) => isSame(state, seen)) ?? [];
    if (!record || matches.length === 0) return { kind: "foreign", record };
    const newest = record.newestOn.get(disk) ?? -1;
    // A file that was moved away and back had the same content twice: the first of the two that can be meant.
    const state = matches.find(({ index }) => index > newest);
    if (state) {
      if (state.published.size === 0) this.#delivered++;
      state.published.set(disk, 1);
      record.newestOn.set(disk, state.index);
      return { kind: "new", record, state };
    }
    const before = matches.at(-1) as State;
    if (before.index < newest) return { kind: "older", record, state: before };
    before.published.set(disk, (before.published.get(disk) ?? 0) + 1);
    return { kind: "again", record, state: before };
  }

  isDelivered(state: State, group: string): boolean {
    return this.#disks.some((disk) => disk.group === group && state.published.has(disk.name));
  }

  /** The groups that do not have it. */
  missingIn(state: State): string[] {
    const groups = new Set(this.#disks.map(({ group }) => group));
    return [...groups].filter((group) => !this.isDelivered(state, group));
  }

  /** Paths of these uploaders whose content every group has, and that nobody has taken away. */
  notTaken(uploaders: readonly string[]): string[] {
    return [...this.#records.keys()].filter((key) => {
      const state = this.current(key);
      return state && uploaders.includes(key.split("/")[0] ?? "") && this.missingIn(state).length === 0;
    });
  }

  /**
   * What must arrive and has not: contents that stand at their paths since they were put there, and those that an agent took away.
   */
  outstanding(): { record: FileRecord; state: State; groups: string[] }[] {
    const found = [];
    for (const record of this.#records.values()) {
      for (const state of record.states) {
        if (state.untilMs !== undefined && state.end !== "taken") continue;
        const groups = this.missingIn(state);
        if (groups.length > 0) found.push({ record, state, groups });
      }
    }
    return found;
  }
}

function isSame(state: Content, seen: Content): boolean {
  return state.md5 === seen.md5 && state.size === seen.size && state.mtimeNs === seen.mtimeNs;
}
