/** Kafka as any program uses it, beside the agents and without their code: topics, offsets, records. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { PlainRecord, ReadRecord } from "./records.ts";
import { patienceMs, waitUntil } from "./wait.ts";

type Answer<T> = (error: unknown, result: T) => void;

const timeoutMs = 20_000;

/** A partition, and the brokers that have it, by their numbers. */
export interface PartitionPlace {
  partition: number;
  leader: number | undefined;
  replicas: readonly number[];
  inSync: readonly number[];
}

export class PlainKafka {
  readonly #properties: Record<string, string | number | boolean>;
  readonly #producer: InstanceType<typeof RdKafka.Producer>;

  private constructor(properties: Record<string, string | number | boolean>) {
    this.#properties = properties;
    this.#producer = new RdKafka.Producer({ ...properties, dr_cb: true, "allow.auto.create.topics": false });
  }

  static async open(brokers: string, properties: Record<string, string> = {}): Promise<PlainKafka> {
    // Whoever asks for topics as brokers go is to hear of that soon.
    const own = { "bootstrap.servers": brokers, "topic.metadata.refresh.interval.ms": 2000 };
    const kafka = new PlainKafka({ ...own, ...properties });
    await ask("connecting", (done) => kafka.#producer.connect({ timeout: timeoutMs }, done));
    kafka.#producer.setPollInBackground(true);
    return kafka;
  }

  async close(): Promise<void> {
    await ask("disconnecting", (done) => this.#producer.disconnect(done));
  }

  /** Resolves when the broker has it and says so. */
  async createTopic(topic: string, partitions = 1, config: Record<string, string> = {}): Promise<void> {
    const wanted = { topic, num_partitions: partitions, replication_factor: 1, config };
    await ask(`making ${topic}`, (done) =>
      this.#admin().createTopic(wanted, timeoutMs, (error) => done(error, undefined)),
    );
    const isThere = () =>
      this.describeTopic(topic).then(
        (found) => found.partitions === partitions,
        () => false,
      );
    await waitUntil(`${topic} is there`, isThere);
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    await ask(`adding partitions to ${topic}`, (done) =>
      this.#admin().createPartitions(topic, partitions, timeoutMs, (error) => done(error, undefined)),
    );
    const areThere = async () => (await this.describeTopic(topic)).partitions === partitions;
    await waitUntil(`${topic} has ${partitions} partitions`, areThere);
  }

  async deleteTopic(topic: string): Promise<void> {
    await ask(`deleting ${topic}`, (done) =>
      this.#admin().deleteTopic(topic, timeoutMs, (error) => done(error, undefined)),
    );
  }

  /** As retention does it: everything before the offset is gone. */
  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    await ask(`deleting records of ${topic}`, (done) =>
      this.#admin().deleteRecords([{ topic, partition, offset: before }], { timeout: timeoutMs }, done),
    );
  }

  /** The topic's id as people and records write it, and its partitions. */
  async describeTopic(topic: string): Promise<{ id: string; partitions: number }> {
    const [found] = await ask<RdKafka.TopicDescription[]>(`describing ${topic}`, (done) =>
      this.#admin().describeTopics([topic], { timeout: timeoutMs }, done),
    );
    if (!found || found.error) throw new Error(`${topic}: ${found?.error?.message ?? "not there"}`);
    // The types say base64str.
    const { base64 } = found.topicId as unknown as { base64: string };
    return { id: base64, partitions: found.partitions.length };
  }

  /** Where each partition of the topic is. */
  async placesOf(topic: string): Promise<PartitionPlace[]> {
    const [found] = await ask<RdKafka.TopicDescription[]>(`describing ${topic}`, (done) =>
      this.#admin().describeTopics([topic], { timeout: timeoutMs }, done),
    );
    return (found?.partitions ?? []).map(({ partition, leader, replicas, isr }) => ({
      partition,
      leader: leader && leader.id >= 0 ? leader.id : undefined,
      replicas: replicas.map(({ id }) => id),
      inSync: isr.map(({ id }) => id),
    }));
  }

  /** The broker that keeps the group; undefined: none does now. */
  async coordinatorOf(group: string): Promise<number | undefined> {
    const { groups } = await ask<RdKafka.GroupDescriptions>(`describing ${group}`, (done) =>
      this.#admin().describeGroups([group], { timeout: timeoutMs }, done),
    );
    const [found] = groups;
    return found && !found.error && found.coordinator.id >= 0 ? found.coordinator.id : undefined;
  }

  /** The topic's settings by name. */
  async settingsOf(topic: string): Promise<Record<string, string | null>> {
    const found = await ask(`settings of ${topic}`, (done: Answer<RdKafka.DescribedResource[] | undefined>) =>
      this.#admin()._client.describeConfigs([{ type: 2, name: topic }], timeoutMs, done),
    );
    return Object.fromEntries(
      Object.entries(found?.[0]?.entries ?? {}).map(([name, { value }]) => [name, value]),
    );
  }

  /** The offset after the last record of each partition. */
  async endOffsets(topic: string): Promise<number[]> {
    const { partitions } = await this.describeTopic(topic);
    const ask1 = (partition: number) =>
      ask<{ highOffset: number }>(`offsets of ${topic}`, (done) =>
        this.#producer.queryWatermarkOffsets(topic, partition, timeoutMs, done as never),
      );
    return Promise.all(Array.from({ length: partitions }, async (_, at) => (await ask1(at)).highOffset));
  }

  /** Removes every record that is there now, as expired retention does. */
  async expireAll(topic: string): Promise<void> {
    const upTo = (await this.endOffsets(topic)).map((offset, partition) => ({ topic, partition, offset }));
    await ask<unknown>(`expiring ${topic}`, (done) =>
      this.#admin().deleteRecords(upTo, { timeout: timeoutMs, operationTimeout: timeoutMs }, done),
    );
  }

  /** Where a group stands in each partition; -1 where it has committed nothing. */
  async committedBy(group: string, topic: string): Promise<number[]> {
    const { partitions } = await this.describeTopic(topic);
    const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    return this.#withConsumer(group, async (consumer) => {
      const found = await ask<RdKafka.TopicPartitionOffset[]>(`positions of ${group}`, (done) =>
        consumer.committed(wanted, timeoutMs, done),
      );
      return wanted.map(({ partition }) => {
        const offset = found.find((position) => position.partition === partition)?.offset;
        return typeof offset === "number" && offset >= 0 ? offset : -1;
      });
    });
  }

  /** Notes a position of a group that has no members now. */
  async commit(group: string, topic: string, offset: number, metadata = ""): Promise<void> {
    await this.#withConsumer(group, async (consumer) => {
      const positions = [{ topic, partition: 0, offset, metadata }];
      await ask<void>(`committing for ${group}`, (done) =>
        consumer.getClient().commitAndWait(positions, timeoutMs, (error) => done(error, undefined)),
      );
    });
  }

  /** Produces in this order to one partition, and waits until the broker has all of it. */
  async produce(topic: string, records: readonly PlainRecord[], partition = 0): Promise<void> {
    for (const { key, value, headers } of records) {
      this.#producer.produce(
        topic,
        partition,
        value,
        key,
        null,
        undefined,
        headers.map((h) => ({ ...h })),
      );
    }
    await ask(`producing to ${topic}`, (done) => this.#producer.flush(patienceMs, done as never));
  }

  /** As if the retention had passed: the records before this offset are gone. */
  async deleteBefore(topic: string, offset: number, partition = 0): Promise<void> {
    const wanted = [{ topic, partition, offset }];
    await ask(`deleting records of ${topic}`, (done) =>
      this.#admin().deleteRecords(wanted, { timeout: timeoutMs }, done),
    );
  }

  /** Everything that is in the topic now. */
  async readAll(topic: string): Promise<ReadRecord[]> {
    const ends = await this.endOffsets(topic);
    return this.#withConsumer("tests-read", async (consumer) => {
      consumer.assign(ends.map((_, partition) => ({ topic, partition, offset: 0 })));
      const records: ReadRecord[] = [];
      while (!isAtEnds(consumer.position() as { partition: number; offset?: number }[], ends)) {
        const read = (done: Answer<RdKafka.Message[]>) => consumer.consume(1000, done);
        records.push(...(await ask(`reading ${topic}`, read)).map(toRecord));
      }
      return records;
    });
  }

  async #withConsumer<T>(group: string, use: (consumer: RdKafka.KafkaConsumer) => Promise<T>): Promise<T> {
    const consumer = new RdKafka.KafkaConsumer(
      { ...this.#properties, "group.id": group, "enable.auto.commit": false },
      { "auto.offset.reset": "earliest" },
    );
    await ask("connecting", (done) => consumer.connect({ timeout: timeoutMs }, done));
    try {
      return await use(consumer);
    } finally {
      await ask("disconnecting", (done) => consumer.disconnect(done));
    }
  }

  #admin(): RdKafka.IAdminClient {
    return RdKafka.AdminClient.createFrom(this.#producer);
  }
}

function isAtEnds(
  positions: readonly { partition: number; offset?: number }[],
  ends: readonly number[],
): boolean {
  return ends.every((end, partition) => {
    const at = positions.find((position) => position.partition === partition)?.offset ?? -1;
    return end === 0 || at >= end;
  });
}

function toRecord(message: RdKafka.Message): ReadRecord {
  const headers = (message.headers ?? []).map((header) =>
    Object.fromEntries(Object.entries(header).map(([name, value]) => [name, String(value)])),
  );
  const key = message.key === null || message.key === undefined ? "" : message.key.toString();
  return {
    partition: message.partition,
    offset: message.offset,
    key,
    value: message.value as Buffer | null,
    headers,
  };
}

function ask<T>(what: string, call: (done: Answer<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (!error) return resolve(result);
      const reason = typeof error === "object" && "message" in error ? String(error.message) : String(error);
      reject(new Error(`${what}: ${reason}`, { cause: error }));
    });
  });
}
