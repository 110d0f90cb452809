/** A file or a folder of a simulated disk: what everybody sees, and what of it would be there after a power cut. */
import type { Random } from "../support/random.ts";

interface FileState {
  bytes: Buffer;
  mode: number;
  /** Nanoseconds since 1970. */
  mtime: bigint;
}

type Change =
  | { kind: "write"; bytes: Buffer; at: number }
  | { kind: "truncate" }
  | { kind: "mode"; mode: number }
  | { kind: "mtime"; mtime: bigint };

/** What a power cut spares of what was not synced. */
export type Luck = "none" | "all" | "some";

let nextInode = 1;

export class SimulatedFile {
  readonly kind = "file";
  readonly inode: number;
  #seen: FileState;
  #durable: FileState;
  #unsynced: Change[] = [];
  /** When it was changed last in any way, by its file system's clock, nanoseconds since 1970 (ctime). */
  changedAt = wallNs();
  /** The version that was published with it, for the checks. */
  version: number | undefined;

  constructor(mtime: bigint, inode = nextInode++) {
    this.inode = inode;
    this.#seen = { bytes: Buffer.alloc(0), mode: 0o600, mtime };
    this.#durable = { ...this.#seen };
  }

  get seen(): Readonly<FileState> {
    return this.#seen;
  }

  /** What is there after the worst power cut. */
  get durable(): Readonly<FileState> {
    return this.#durable;
  }

  /** Whether a power cut could change it. */
  get isSynced(): boolean {
    const [seen, durable] = [this.#seen, this.#durable];
    return (
      this.#unsynced.length === 0 &&
      seen.bytes.equals(durable.bytes) &&
      seen.mode === durable.mode &&
      seen.mtime === durable.mtime
    );
  }

  /** As everybody sees it, for good. */
  copy(): SimulatedFile {
    const copy = new SimulatedFile(0n, this.inode);
    copy.#seen = this.#seen;
    copy.#durable = this.#seen;
    copy.version = this.version;
    return copy;
  }

  change(change: Change): void {
    this.changedAt = wallNs();
    this.#seen = apply(this.#seen, change);
    this.#unsynced.push(change);
  }

  sync(): void {
    for (const change of this.#unsynced.splice(0)) this.#durable = apply(this.#durable, change);
  }

  /** A sync that fails: the system forgets what was to be written, though everybody still sees it. */
  failSync(): void {
    this.#unsynced = [];
  }

  powerCut(luck: Luck, random: Random): void {
    for (const change of this.#unsynced.splice(0)) {
      const kept = luck === "all" || (luck === "some" && random.below(2) === 0);
      if (!kept) continue;
      const torn = change.kind === "write" && luck === "some" && random.below(3) === 0;
      this.#durable = apply(
        this.#durable,
        torn ? { ...change, bytes: change.bytes.subarray(0, random.below(change.bytes.length + 1)) } : change,
      );
    }
    this.#seen = this.#durable;
  }
}

export class SimulatedFolder {
  readonly kind = "folder";
  readonly inode = nextInode++;
  readonly mode: number;
  entries = new Map<string, SimulatedNode>();
  /** Its entries after the worst power cut. */
  durable = new Map<string, SimulatedNode>();

  constructor(mode = 0o755) {
    this.mode = mode;
  }
}

/** A file system's clock, nanoseconds since 1970. */
export function wallNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

export type SimulatedNode = SimulatedFile | SimulatedFolder;

function apply(state: FileState, change: Change): FileState {
  switch (change.kind) {
    case "write": {
      const bytes = Buffer.alloc(Math.max(state.bytes.length, change.at + change.bytes.length));
      state.bytes.copy(bytes);
      change.bytes.copy(bytes, change.at);
      return { ...state, bytes };
    }
    case "truncate":
      return { ...state, bytes: Buffer.alloc(0) };
    case "mode":
      return { ...state, mode: change.mode };
    case "mtime":
      return { ...state, mtime: change.mtime };
  }
}
