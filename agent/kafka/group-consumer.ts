/**
 * A member of a consumer group, as one stream of events: records, partitions gained, partitions to give up. The
 * group waits for the answer to the latter two, so a role can make what it has durable before it lets go.
 */
import type {
  GroupDescription,
  TopicPartitionOffsetAndMetadata,
} from "@confluentinc/kafka-javascript/types/rdkafka.js";
import type { KafkaConfig } from "../config/config.ts";
import type { Effects } from "../lib/effects.ts";
import { pause } from "../lib/retry.ts";
import { type Consumer, disconnect, makeConsumer } from "./connection/client.ts";
import { connect } from "./connection/connect.ts";
import { watchForLoss } from "./connection/lost-client.ts";
import { agentOf, groupConsumerProperties } from "./connection/settings.ts";
import { ask, codes, KafkaError } from "./errors.ts";
import type { Committed, Group, GroupEvent, GroupView } from "./group.ts";
import type { Position, ReaderOptions } from "./log-reader.ts";
import { RecordSource } from "./record-source.ts";
import { describeGroup } from "./topics/inspect.ts";
import { watermarks } from "./topics/topics.ts";

interface TopicPartition {
  topic: string;
  partition: number;
}

const requestTimeoutMs = 60_000;
const rebalancingMs = 100;
const leavingMs = 10_000;
const leavingLookMs = 250;
/** Of `ConsumerGroupStates`. */
const stable = 3;
const committing = "committing the group's position";

export class GroupConsumer implements Group {
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #source: RecordSource;
  readonly #right: string;
  readonly #effects: Effects;
  readonly #owned = new Set<number>();
  /** By partition, where its end was found last. */
  readonly #ends = new Map<number, number>();
  readonly #instance: string;
  readonly #group: string;
  /** The client must not be disconnected under it. */
  #asking: Promise<unknown> = Promise.resolve();
  #rebalances: GroupEvent[] = [];
  #isLost = false;
  /** As of the last statistics. */
  #isReached = true;

  private constructor(consumer: Consumer, topic: string, group: string, instance: string, effects: Effects) {
    this.#consumer = consumer;
    this.#topic = topic;
    this.#source = new RecordSource(topic, (partition, offset) => this.#ends.set(partition, offset));
    this.#right = memberRight(group);
    this.#group = group;
    this.#instance = instance;
    this.#effects = effects;
  }

  /** Connects and joins the group as `instance`, which no other member may be. Throws a `KafkaError`. */
  static async open(
    options: ReaderOptions & { effects: Effects },
    group: string,
    instance: string,
  ): Promise<GroupConsumer> {
    const { agentName, effects, maxMessageBytes } = options;
    const { topic } = options.kafka;
    let self: GroupConsumer | undefined;
    const propertiesOf = (kafka: KafkaConfig) => ({
      ...groupConsumerProperties(kafka, agentName, group, instance, maxMessageBytes),
      rebalance_cb: ((error: { code: number } | undefined, partitions: TopicPartition[]) =>
        self?.onRebalance(error?.code, partitions)) as never,
    });
    const consumer = await connect(makeConsumer, options, propertiesOf);
    const member = new GroupConsumer(consumer, topic, group, instance, effects);
    self = member;
    watchForLoss(
      consumer,
      options,
      () => {
        member.#isLost = true;
      },
      ({ brokers }) => {
        member.#isReached = Object.values(brokers).some(({ state }) => state === "UP");
      },
    );
    consumer.subscribe([topic]);
    return member;
  }

  async next(count: number, waitMs: number): Promise<GroupEvent> {
    if (this.#isLost) throw new KafkaError(`reading ${this.#topic}`, codes.transport, "the client was lost");
    const rebalance = this.#rebalances.shift();
    if (rebalance) return rebalance;
    const records = await this.#source
      .read(this.#consumer, count, waitMs, this.#right)
      .catch((error: unknown) => {
        throw explainReplaced(`reading ${this.#topic}`, error);
      });
    // What is read between a partition's revocation and its release is the next owner's.
    const own = records.filter((record) => this.#owned.has(record.partition));
    return own.length > 0 ? { kind: "records", records: own } : { kind: "idle" };
  }

  committed(partitions: readonly number[]): Promise<Committed[]> {
    return committedOffsets(this.#consumer, this.#named(partitions), this.#right);
  }

  bounds(partition: number): Promise<{ low: number; high: number }> {
    return watermarks(this.#consumer, this.#topic, partition);
  }

  knownEnd(partition: number): number | undefined {
    if (!this.#consumer.isConnected()) return undefined;
    try {
      const { highOffset } = this.#consumer.getWatermarkOffsets(this.#topic, partition);
      return highOffset >= 0 ? highOffset : undefined;
    } catch {
      // It is being closed, and counts as connected until that is over.
      return undefined;
    }
  }

  reachedEnd(partition: number): number | undefined {
    return this.#ends.get(partition);
  }

  commit(positions: readonly Position[], metadata: string): Promise<void> {
    const what = positions.map(({ partition, offset }) => `${partition}@${offset}`).join(" ");
    return this.#effects.perform("commit", what, () => this.#commit(positions, metadata));
  }

  /**
   * The brokers answer a commit behind a join of the same member, and refuse it then: it is of the generation before,
   * or the next one is not complete. What this member owned before the join it owns until it lets go of it, so it
   * commits again. A member that was put out of the group gets another answer.
   */
  async #commit(positions: readonly Position[], metadata: string): Promise<void> {
    const deadline = performance.now() + requestTimeoutMs;
    for (;;) {
      if (this.#isPutOut)
        throw new KafkaError(committing, codes.unknownMember, "this member was put out of the group");
      try {
        return await this.#commitOnce(positions, metadata);
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.rebalancing || performance.now() > deadline) throw error;
        await pause(rebalancingMs);
      }
    }
  }

  /** Whether the news that everything is another member's by now waits to be read. */
  get #isPutOut(): boolean {
    return this.#rebalances.some((event) => event.kind === "revoked" && event.lost);
  }

  async #commitOnce(positions: readonly Position[], metadata: string): Promise<void> {
    const offsets = positions.map((position) => ({ topic: this.#topic, ...position, metadata }));
    const client = this.#consumer.getClient();
    await ask<void>(
      committing,
      (answer) => client.commitAndWait(offsets, requestTimeoutMs, answer),
      this.#right,
    ).catch((error: unknown) => {
      throw explainReplaced(committing, error);
    });
  }

  async look(): Promise<GroupView | undefined> {
    // A question that nobody can answer would keep one of few threads for its whole time.
    if (!this.#isReached || !this.#consumer.isConnected()) return undefined;
    const asking = describeGroup(this.#consumer, this.#group, `looking up group ${this.#group}`);
    const before = this.#asking;
    this.#asking = asking.catch(() => undefined).then(() => before);
    const found = await asking;
    return found && !found.error ? toView(found, this.#topic, this.#instance) : undefined;
  }

  async leave(): Promise<void> {
    this.#letGo();
    // A static member that is disconnected before it has left stays in the group.
    const deadline = performance.now() + leavingMs;
    while (performance.now() < deadline) {
      const view = await this.look().catch(() => undefined);
      if (view && !view.members.some(({ isSelf }) => isSelf)) return;
      await pause(leavingLookMs);
    }
  }

  async close(): Promise<void> {
    await this.#asking;
    // Under load the client can hang when it is disconnected in the middle of a rebalance: let go of it first.
    this.#letGo();
    await disconnect(this.#consumer);
  }

  #letGo(): void {
    try {
      this.#consumer.unsubscribe();
      this.#consumer.incrementalUnassign(this.#named([...this.#owned]));
    } catch {
      // Not a member any more, or not connected: there is nothing to let go of.
    }
    this.#owned.clear();
  }

  onRebalance(code: number | undefined, assignment: TopicPartition[]): void {
    const partitions = assignment.map((item) => item.partition);
    if (code === codes.assignPartitions) {
      this.#rebalances.push({ kind: "gained", partitions, begin: (positions) => this.#begin(positions) });
    } else if (code === codes.revokePartitions) {
      const lost = this.#consumer.assignmentLost();
      this.#rebalances.push({ kind: "revoked", partitions, lost, release: () => this.#release(partitions) });
    }
  }

  #begin(positions: Position[]): void {
    for (const { partition } of positions) {
      this.#owned.add(partition);
      // Of when it was this member's before.
      this.#ends.delete(partition);
    }
    this.#consumer.incrementalAssign(positions.map((position) => ({ topic: this.#topic, ...position })));
  }

  #release(partitions: number[]): void {
    for (const partition of partitions) this.#owned.delete(partition);
    if (this.#consumer.isConnected()) this.#consumer.incrementalUnassign(this.#named(partitions));
  }

  #named(partitions: readonly number[]): TopicPartition[] {
    return partitions.map((partition) => ({ topic: this.#topic, partition }));
  }
}

function toView(found: GroupDescription, topic: string, instance: string): GroupView {
  const members = found.members.map(({ memberId, groupInstanceId, clientId, clientHost, assignment }) => ({
    id: memberId,
    name: `${agentOf(clientId)} (${clientHost.replace(/^\//, "")})`,
    isSelf: groupInstanceId === instance,
    partitions: (assignment?.topicPartitions ?? [])
      .filter((one) => one.topic === topic)
      .map(({ partition }) => partition),
  }));
  return { isSettled: found.state === stable, members };
}

/** What is fatal for a member is that another one has its name: that of the store, which is another downloader's too then. */
function explainReplaced(what: string, error: unknown): unknown {
  if (!(error instanceof KafkaError) || (error.code !== codes.fatal && error.code !== codes.fencedInstance))
    return error;
  return new KafkaError(
    what,
    error.code,
    "another downloader has taken this one's place in the group: it has the same output, or a copy of its .streamsend; or this one joined a second time after an outage",
    error,
  );
}

/** The right that a group's members need, for `kafkaError`. */
export function memberRight(group: string): string {
  return `READ on group ${group}`;
}

/** Where the consumer's group stands. Throws a `KafkaError`; for `groupRight` see `kafkaError`. */
export async function committedOffsets(
  consumer: Consumer,
  partitions: TopicPartition[],
  groupRight: string,
): Promise<Committed[]> {
  const positions = await ask<TopicPartitionOffsetAndMetadata[]>(
    "asking for the group's position",
    (answer) => consumer.committed(partitions, requestTimeoutMs, answer),
    groupRight,
  );
  return positions.map(({ partition, offset, metadata }) => ({
    partition,
    offset: typeof offset === "number" && offset >= 0 ? offset : undefined,
    metadata: metadata ?? undefined,
  }));
}
