/** A member of a simulated group, as its session sees it. */
import type { Committed, Group, GroupEvent, GroupView } from "../../agent/kafka/group.ts";
import type { Position } from "../../agent/kafka/log-reader.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import type { Random } from "../support/random.ts";
import type { SimulatedTopic } from "./topic.ts";
import type { Process, Turns } from "./turns.ts";

/** What a member asks of its group. */
interface Coordinator {
  readonly topic: SimulatedTopic;
  readonly turns: Turns;
  readonly random: Random;
  readonly committed: ReadonlyMap<number, { offset: number; metadata: string }>;
  failingCommits: number;
  isMember(member: Member): boolean;
  view(self: Member): GroupView;
  commit(process: Process, position: Position, metadata: string): void;
  leave(member: Member): void;
  placeFree(partition: number): void;
}

export class Member implements Group {
  readonly instance: string;
  readonly process: Process;
  /** Partitions that the group holds this member to have. */
  readonly assigned = new Set<number>();
  readonly #group: Coordinator;
  readonly #events: GroupEvent[] = [];
  readonly #positions = new Map<number, number>();
  /** By partition, where its end was found last. */
  readonly #ends = new Map<number, number>();
  /** What to do once a partition is released. */
  readonly #successors = new Map<number, () => void>();
  #fenced = false;
  #closed = false;
  silentSinceMs: number | undefined;
  /** Partitions that it took itself to have when it looked last. */
  readonly #begun = new Set<number>();
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(group: Coordinator, process: Process, instance: string) {
    this.#group = group;
    this.process = process;
    this.instance = instance;
  }

  /** Whether it is to give up partitions. */
  get isAsked(): boolean {
    return this.#successors.size > 0;
  }

  get isSilent(): boolean {
    return !this.process.alive || this.process.frozen || this.#closed;
  }

  /** Since when it knows that it is a member: it was told so just now, or asked then. Without partitions there is nobody to ask. */
  get confirmedAtMs(): number {
    const isJustTold = this.#toldAtMs === this.#group.turns.nowMs;
    return this.#begun.size === 0 || isJustTold ? Number.POSITIVE_INFINITY : this.#askedAtMs;
  }

  next(count: number, waitMs: number): Promise<GroupEvent> {
    const { turns } = this.#group;
    const ready = () => this.#fenced || this.#events.length > 0 || this.#readable().length > 0;
    return turns.take(this.process, () => this.#next(count), { ready, untilMs: turns.nowMs + waitMs });
  }

  committed(partitions: readonly number[]): Promise<Committed[]> {
    return this.#group.turns.take(this.process, () =>
      partitions.map((partition) => {
        const known = this.#group.committed.get(partition);
        return { partition, offset: known?.offset, metadata: known?.metadata };
      }),
    );
  }

  bounds(partition: number): Promise<{ low: number; high: number }> {
    const { turns, topic } = this.#group;
    return turns.take(this.process, () => ({ low: topic.low(partition), high: topic.high(partition) }));
  }

  look(): Promise<GroupView> {
    return this.#group.turns.take(this.process, () => this.#group.view(this));
  }

  leave(): Promise<void> {
    return this.#group.turns.take(this.process, () => this.#group.leave(this));
  }

  knownEnd(partition: number): number {
    return this.#group.topic.high(partition);
  }

  reachedEnd(partition: number): number | undefined {
    return this.#ends.get(partition);
  }

  async commit(positions: readonly Position[], metadata: string): Promise<void> {
    const { turns, random } = this.#group;
    const askedAtMs = turns.nowMs;
    let isAccepted = false;
    const counts = await turns.take(this.process, () => {
      this.#failIfFenced();
      if (!this.#group.isMember(this)) {
        throw new AgentError("commit refused: no member of the group", "retryable");
      }
      const fails = this.#group.failingCommits > 0 && random.below(2) === 0;
      if (fails) this.#group.failingCommits--;
      if (fails && random.below(2) === 0) return false;
      for (const position of positions) this.#group.commit(this.process, position, metadata);
      isAccepted = true;
      return !fails;
    });
    await turns.take(this.process, () => undefined);
    if (!counts) throw new AgentError("commit: the connection was lost", "retryable");
    if (!isAccepted) return;
    this.#askedAtMs = askedAtMs;
    this.#toldAtMs = turns.nowMs;
  }

  /** A static member does not say that it leaves: its partitions wait for it for a while. */
  close(): Promise<void> {
    return this.#group.turns.take(this.process, () => {
      this.#closed = true;
    });
  }

  gain(partition: number): void {
    this.assigned.add(partition);
    const begin = (positions: Position[]) => {
      for (const one of positions) {
        this.#begun.add(one.partition);
        this.#ends.delete(one.partition);
      }
      for (const one of positions)
        if (this.assigned.has(one.partition)) this.#positions.set(one.partition, one.offset);
    };
    this.#events.push({ kind: "gained", partitions: [partition], begin });
  }

  /** Gains it, if it can still be given. */
  takeOver(partition: number): void {
    if (this.#group.isMember(this)) this.gain(partition);
    else this.#group.placeFree(partition);
  }

  /** Asks for it; `then` is called when it is free. Who is asked already only gets another successor. */
  revoke(partition: number, then: () => void): void {
    const isAsked = this.#successors.has(partition);
    this.#successors.set(partition, then);
    if (isAsked) return;
    const release = () => {
      this.#begun.delete(partition);
      this.#positions.delete(partition);
      const next = this.#successors.get(partition);
      this.#successors.delete(partition);
      if (this.assigned.delete(partition)) next?.();
    };
    this.#events.push({ kind: "revoked", partitions: [partition], lost: false, release });
  }

  lose(): void {
    const partitions = [...this.assigned];
    this.assigned.clear();
    this.#positions.clear();
    this.#successors.clear();
    this.#events.push({ kind: "revoked", partitions, lost: true, release: () => undefined });
  }

  fence(): void {
    this.#fenced = true;
  }

  #next(count: number): GroupEvent {
    this.#failIfFenced();
    const event = this.#events.shift();
    if (event) return event;
    const readable = this.#readable();
    const { topic, random } = this.#group;
    if (readable.length === 0) {
      for (const partition of this.#positions.keys()) this.#ends.set(partition, topic.high(partition));
      return { kind: "idle" };
    }
    const partition = random.pick(readable);
    const from = topic.inRange(partition, this.#positions.get(partition) ?? 0);
    const to = Math.min(topic.high(partition), from + 1 + random.below(count));
    this.#positions.set(partition, to);
    return { kind: "records", records: range(from, to).map((offset) => topic.incoming(partition, offset)) };
  }

  #failIfFenced(): void {
    if (this.#fenced) throw new AgentError("another member has this instance's name", "fatal");
  }

  /** Partitions that have something to read. */
  #readable(): number[] {
    const { topic } = this.#group;
    return [...this.#positions]
      .filter(([partition, offset]) => topic.inRange(partition, offset) < topic.high(partition))
      .map(([partition]) => partition);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
