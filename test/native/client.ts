/** The client as the agent uses it, with promises, for the tests of the native layer. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { type IncomingRecord, RecordSource } from "../../agent/kafka/record-source.ts";
import { waitUntil } from "../support/wait.ts";

export type Producer = RdKafka.Producer;
export type Consumer = RdKafka.KafkaConsumer;
export type Properties = Record<string, string | number | boolean | ((...args: never[]) => void)>;

/** Turns the client's callbacks into a promise: `call((done) => client.flush(1000, done))`. */
export function call<T = unknown>(start: (done: (error: unknown, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

/** The client's error number that a call fails with. */
export async function errorCode(promise: Promise<unknown>): Promise<number> {
  try {
    await promise;
  } catch (error) {
    return (error as RdKafka.LibrdKafkaError).code;
  }
  throw new Error("did not fail");
}

export async function connectProducer(bootstrap: string, properties: Properties = {}): Promise<Producer> {
  const producer = new RdKafka.Producer({
    "bootstrap.servers": bootstrap,
    "enable.idempotence": true,
    "message.timeout.ms": 0,
    "allow.auto.create.topics": false,
    dr_cb: true,
    ...properties,
  });
  await call((done) => producer.connect({ allTopics: false, timeout: 10_000 }, done));
  producer.setPollInBackground(true);
  return producer;
}

export async function connectConsumer(bootstrap: string, properties: Properties = {}): Promise<Consumer> {
  const consumer = new RdKafka.KafkaConsumer({
    "bootstrap.servers": bootstrap,
    "group.id": `group-${crypto.randomUUID()}`,
    "enable.auto.commit": false,
    "enable.auto.offset.store": false,
    "allow.auto.create.topics": false,
    "auto.offset.reset": "error",
    "fetch.queue.backoff.ms": 2,
    ...properties,
  } as RdKafka.ConsumerGlobalConfig);
  await call((done) => consumer.connect({ allTopics: false, timeout: 10_000 }, done));
  return consumer;
}

export function disconnect(client: Producer | Consumer): Promise<unknown> {
  return call((done) => client.disconnect(done));
}

const sources = new WeakMap<Consumer, RecordSource>();

/** One reading; it may give fewer records than asked for, or none. Ends of partitions are told as the client's event. */
export async function consume(consumer: Consumer, count = 1, waitMs = 100): Promise<IncomingRecord[]> {
  const onEnd = (partition: number, offset: number) => consumer.emit("partition.eof", { partition, offset });
  const source = sources.get(consumer) ?? new RecordSource("the topic", onEnd);
  sources.set(consumer, source);
  const records = await source.read(consumer, count, waitMs);
  // The tests look at them for as long as they like.
  for (const { memory } of records) memory?.hold();
  return records;
}

/** Consumes until there are `count` records. */
export async function consumeAll(consumer: Consumer, count: number): Promise<IncomingRecord[]> {
  const records: IncomingRecord[] = [];
  await waitUntil(`${count} records`, async () => {
    records.push(...(await consume(consumer, count - records.length)));
    return records.length >= count;
  });
  return records;
}

/** The first records of a partition. With a consumer of its own: one that was idle takes a second to begin. */
export async function read(bootstrap: string, topic: string, count: number): Promise<IncomingRecord[]> {
  const consumer = await connectConsumer(bootstrap);
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  const messages = await consumeAll(consumer, count);
  await disconnect(consumer);
  return messages;
}

export function createTopic(
  producer: Producer,
  topic: string,
  partitions = 1,
  config: Record<string, string> = {},
): Promise<unknown> {
  const admin = RdKafka.AdminClient.createFrom(producer);
  const description = { topic, num_partitions: partitions, replication_factor: -1, config };
  return call((done) => admin.createTopic(description, 10_000, done));
}

/** Produces and waits for the reports: one a message, in the order of the partition. */
export async function produceAll(
  producer: Producer,
  topic: string,
  values: readonly (string | Buffer | null)[],
  partition = 0,
): Promise<RdKafka.DeliveryReport[]> {
  const reports: RdKafka.DeliveryReport[] = [];
  const collect = (error: unknown, report: RdKafka.DeliveryReport) => {
    if (error) throw error;
    reports.push(report);
  };
  producer.on("delivery-report", collect);
  for (const value of values) {
    producer.produce(topic, partition, typeof value === "string" ? Buffer.from(value) : value);
  }
  await call((done) => producer.flush(30_000, done));
  // They are handed over a hundred at a time; flush is done when the client has them.
  await waitUntil("the reports have come", () => reports.length === values.length);
  producer.removeListener("delivery-report", collect);
  return reports;
}
