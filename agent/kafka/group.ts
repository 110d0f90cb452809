/** A member of a consumer group, as the downloader sees it. */
import type { Position } from "./log-reader.ts";
import type { IncomingRecord } from "./record-source.ts";

/** Where a group stands in a partition, and what it noted there. */
export interface Committed {
  partition: number;
  /** undefined: nothing was committed yet. */
  offset: number | undefined;
  metadata: string | undefined;
}

/** A group at a moment. */
export interface GroupView {
  /** No rebalance is under way. */
  isSettled: boolean;
  members: readonly MemberView[];
}

export interface MemberView {
  /** Tells it from the others. */
  id: string;
  /** As people know it: `till-7 (10.0.0.7)`. */
  name: string;
  isSelf: boolean;
  /** What the group holds it to have of the topic. */
  partitions: readonly number[];
}

export type GroupEvent =
  | { kind: "records"; records: IncomingRecord[] }
  /** Answer with the positions to begin at: `begin`. */
  | { kind: "gained"; partitions: number[]; begin(positions: Position[]): void }
  /** Answer when the group may have them: `release`. `lost`: they are another's already. */
  | { kind: "revoked"; partitions: number[]; lost: boolean; release(): void }
  /** Nothing came for a moment. */
  | { kind: "idle" };

/** A member of a group; `GroupConsumer` is the one on Kafka. All of it throws a `KafkaError`. */
export interface Group {
  /** The next event: waits up to `waitMs` for up to `count` records, which are there until the next call, or for as long as they are held. */
  next(count: number, waitMs: number): Promise<GroupEvent>;
  /** Where the group stands in these partitions. */
  committed(partitions: readonly number[]): Promise<Committed[]>;
  /** First offset that is still there, and the one after the last. */
  bounds(partition: number): Promise<{ low: number; high: number }>;
  /** The offset after the partition's last record, as of the last fetch; from memory. */
  knownEnd(partition: number): number | undefined;
  /**
   * Where the partition's end was found last, once it was: everything before it was handed out. Behind the last record there may be
   * more of the log than that: the end of a transaction, or what compaction has left nothing of.
   */
  reachedEnd(partition: number): number | undefined;
  /** Commits and waits for the answer. */
  commit(positions: readonly Position[], metadata: string): Promise<void>;
  /** The group as the brokers tell of it; undefined: there is nobody to ask now, or nothing is known. */
  look(): Promise<GroupView | undefined>;
  /** Leaves the group for certain, also as a static member, so that its partitions are given out anew. Only `close` is of use then. */
  leave(): Promise<void>;
  /** Leaves the group and disconnects. What is owned should be durable and committed before. */
  close(): Promise<void>;
}
