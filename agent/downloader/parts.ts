/** What the rooms of a session share, in small parts: each is given whole to whoever needs it. */
import type { Group } from "../kafka/group.ts";
import type { Position, RecordReader } from "../kafka/log-reader.ts";
import type { GroupLedger } from "../ledger/group/group-ledger.ts";
import type { Disk } from "../lib/disk.ts";
import type { UnreadPartitions } from "./group/unread-partitions.ts";
import type { OutputPaths } from "./publish/output-path.ts";
import type { Store } from "./store/store.ts";

/** The output, and what is unfinished in it. */
export interface Output {
  readonly store: Store;
  readonly disk: Disk;
  readonly paths: OutputPaths;
}

/** The topic with the chunks, as a session has found it. */
export interface ChunkTopic {
  readonly id: string;
  /** How many there are; some may be added meanwhile. */
  readonly partitions: number;
  /** How long it keeps chunks. */
  readonly retentionMs: number;
  /** Whether it still is the topic of this name. */
  isCurrent(): boolean;
  /** Opens a reader beside the group's own. */
  openReader(from: readonly Position[]): Promise<RecordReader>;
}

/** What a session has of Kafka. */
export interface SessionKafka {
  topic: ChunkTopic;
  group: Group;
  ledger: GroupLedger;
}

/** How a session runs, and what it reports to whoever runs it. */
export interface SessionRun {
  /** Fires when the agent is to stop; what is under way is then made durable. */
  signal: AbortSignal;
  /** Read to the ends of the partitions as they are at the start, then end. */
  once: boolean;
  now(): number;
  /** Called when a durable point, or time, has shown that the output and the group work. */
  reportSuccess(): void;
}

/** What a process remembers from one session to the next. */
export interface ProcessMemory {
  /** The partitions in which what a newer agent wrote was read again: once is enough. */
  rereadParked: Set<number>;
  /** What the group leaves to nobody. */
  unread: UnreadPartitions;
  /** How many versions failed or were refused in the sessions that have ended. */
  failedCount: number;
}

/** The first failure of what runs beside the reading. It is kept until the reading comes to throw it, and ends the session. */
export class FirstFailure {
  #error: unknown;

  report(error: unknown): void {
    this.#error ??= error;
  }

  throwIfAny(): void {
    if (this.#error !== undefined) throw this.#error;
  }
}
