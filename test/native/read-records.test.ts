/** Records as they are read into memory that is used again. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { type IncomingRecord, RecordSource } from "../../agent/kafka/record-source.ts";
import { pairsOf } from "../../agent/wire/headers.ts";
import { sharedKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";
import {
  type Consumer,
  call,
  connectConsumer,
  connectProducer,
  createTopic,
  disconnect,
  type Producer,
  produceAll,
} from "./client.ts";

let producer: Producer;
let consumer: Consumer;
let topic: string;

beforeAll(async () => {
  producer = await connectProducer((await sharedKafka()).bootstrap);
});

beforeEach(async () => {
  topic = crypto.randomUUID();
  await createTopic(producer, topic);
  consumer = await connectConsumer((await sharedKafka()).bootstrap);
});

afterEach(() => disconnect(consumer));
afterAll(() => disconnect(producer));

/** Reads until a reading has brought this many records at once. */
async function readOnce(source: RecordSource, count: number, least = 1): Promise<IncomingRecord[]> {
  let records: IncomingRecord[] = [];
  await waitUntil(`${least} records`, async () => {
    records = await source.read(consumer, count, 1000);
    return records.length >= least;
  });
  return records;
}

function begin(): RecordSource {
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  return new RecordSource(topic, () => undefined);
}

/** Whether both are in one piece of memory. */
const share = (a: IncomingRecord | undefined, b: IncomingRecord | undefined) =>
  a?.value?.buffer !== undefined && a.value.buffer === b?.value?.buffer;

test("what is read is what was written: key, value, headers, time, and what is missing of them", async () => {
  const headers = [{ name: "größe" }, { "": Buffer.from([0, 255]) }, { empty: "" }];
  producer.produce(topic, 0, Buffer.from("value"), "key", 1234, undefined, headers);
  producer.produce(topic, 0, null, "gone", 1235);
  producer.produce(topic, 0, Buffer.alloc(0), null, 1236);
  await call((done) => producer.flush(10_000, done));
  const source = begin();
  const [whole, tombstone, empty] = await readOnce(source, 3, 3);
  expect(whole).toMatchObject({ topic, partition: 0, offset: 0, timestampMs: 1234, leaderEpoch: 0 });
  expect([whole?.key, whole?.value]).toEqual([Buffer.from("key"), Buffer.from("value")]);
  expect([...pairsOf(whole?.headers)]).toEqual([
    ["name", Buffer.from("größe")],
    ["", Buffer.from([0, 255])],
    ["empty", Buffer.alloc(0)],
  ]);
  expect(tombstone).toMatchObject({ offset: 1, value: null, headers: undefined, timestampMs: 1235 });
  expect(tombstone?.key).toEqual(Buffer.from("gone"));
  expect(empty).toMatchObject({ offset: 2, key: null });
  expect(empty?.value).toEqual(Buffer.alloc(0));
});

test("many records come in one piece of memory, in order", async () => {
  await produceAll(
    producer,
    topic,
    Array.from({ length: 300 }, (_, at) => `record ${at}`),
  );
  const records = await readOnce(begin(), 300, 300);
  expect(records.map(({ value }) => String(value))).toEqual(records.map((_, at) => `record ${at}`));
  expect(share(records[0], records[299])).toBe(true);
});

test("what has no room comes in a piece of its own, and has room from then on", async () => {
  const large = Array.from({ length: 3 }, (_, at) => Buffer.alloc(900_000, at + 1));
  await produceAll(producer, topic, large);
  const source = begin();
  const [first] = await readOnce(source, 1);
  expect(first?.memory).toBeUndefined();
  expect(first?.value).toEqual(large[0]);
  const [second] = await readOnce(source, 1);
  expect(second?.memory).toBeDefined();
  expect(second?.value).toEqual(large[1]);
  expect(first?.value).toEqual(large[0]);
});

test("memory is used again once nobody holds what is in it, and not sooner", async () => {
  await produceAll(producer, topic, ["a", "b", "c", "d"]);
  const source = begin();
  const [a] = await readOnce(source, 1);
  a?.memory?.hold();
  const [b] = await readOnce(source, 1);
  expect(share(a, b)).toBe(false);
  expect(String(a?.value)).toBe("a");
  a?.memory?.release();
  const [c] = await readOnce(source, 1);
  expect([share(a, c), share(b, c)].filter(Boolean).length).toBe(1);
  expect(String(c?.value)).toBe("c");
});

test("no more is taken at once than the memory has room for, and one", async () => {
  await produceAll(
    producer,
    topic,
    Array.from({ length: 20 }, () => Buffer.alloc(100_000)),
  );
  const source = begin();
  const counts: number[] = [];
  await waitUntil("all of them", async () => {
    counts.push((await source.read(consumer, 1000, 1000)).length);
    return counts.reduce((sum, count) => sum + count, 0) === 20;
  });
  expect(Math.max(...counts)).toBe(3);
});

test("arguments that can't be used are refused", () => {
  const read = consumer.getClient().readRecords as unknown as (...given: unknown[]) => void;
  const client = consumer.getClient();
  expect(() => read.call(client, "memory", 1, 1, () => undefined)).toThrow("readRecords(into");
  expect(() => read.call(client, Buffer.alloc(1), 1, 1)).toThrow("readRecords(into");
});
