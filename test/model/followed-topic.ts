/** A topic as one process knows it: it may be another one by now, until the process looks again. */
import type { CurrentTopic } from "../../agent/kafka/topics/current-topic.ts";
import type { Topic } from "../../agent/kafka/topics/topics.ts";
import { CoalescedRefresh } from "../../agent/lib/coalesced-refresh.ts";
import { defaultMessageBytes } from "../../agent/lib/limits.ts";
import type { Process, Turns } from "./turns.ts";

/** What there is to know of it. */
export interface SimulatedLog {
  readonly id: string;
  readonly partitions: number;
  low?(partition: number): number;
  high(partition: number): number;
}

/** How often it is looked at without a reason. */
const lookMs = 10_000;

export class FollowedTopic implements Pick<CurrentTopic, keyof CurrentTopic> {
  readonly #process: Process;
  readonly #turns: Turns;
  readonly #log: SimulatedLog;
  readonly #name: string;
  readonly #sharedLook = new CoalescedRefresh(() => this.refresh());
  #known: { id: string; partitions: number };

  constructor(process: Process, turns: Turns, log: SimulatedLog, name: string) {
    this.#process = process;
    this.#turns = turns;
    this.#log = log;
    this.#name = name;
    const { id, partitions } = log;
    this.#known = { id, partitions };
  }

  get value(): Topic {
    const settings = new Map<string, string>();
    return { name: this.#name, ...this.#known, maxMessageBytes: defaultMessageBytes, settings };
  }

  look(): Promise<void> {
    return this.refresh();
  }

  refresh(): Promise<void> {
    return this.#turns.take(this.#process, () => {
      const { id, partitions } = this.#log;
      this.#known = { id, partitions };
    });
  }

  refreshSince(sinceMs: number): Promise<void> {
    return this.#sharedLook.since(sinceMs);
  }

  /** Of whatever has the name now. */
  end(partition: number): Promise<number> {
    return this.#turns.take(this.#process, () => this.#log.high(partition));
  }

  async logStart(id: string, partition: number): Promise<number> {
    if (id !== this.#known.id) return Number.POSITIVE_INFINITY;
    return this.#turns.take(this.#process, () => this.#log.low?.(partition) ?? 0);
  }

  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#turns.sleep(this.#process, lookMs);
      await this.refresh();
    }
  }
}
