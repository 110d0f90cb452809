import { afterAll, beforeAll, expect, test } from "bun:test";
import type RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { pairsOf } from "../../agent/wire/headers.ts";
import { sharedKafka } from "../support/kafka.ts";
import { call, connectProducer, createTopic, disconnect, type Producer, produceAll, read } from "./client.ts";

let producer: Producer;
let bootstrap: string;

beforeAll(async () => {
  ({ bootstrap } = await sharedKafka());
  producer = await connectProducer(bootstrap);
});

afterAll(() => disconnect(producer));

async function newTopic(partitions?: number, config?: Record<string, string>): Promise<string> {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic, partitions, config);
  return topic;
}

test("a record arrives with its key, headers in order, repeated names, and the bytes as they were", async () => {
  const topic = await newTopic();
  const headers = [
    { name: Buffer.from([0, 255, 10]) },
    { other: "größe" },
    { name: "again" },
    { empty: Buffer.alloc(0) },
  ];
  producer.produce(topic, 0, Buffer.from([1, 0, 2]), Buffer.from([0, 254]), null, undefined, headers);
  await call((done) => producer.flush(10_000, done));

  const [message] = await read(bootstrap, topic, 1);

  expect(message).toMatchObject({ partition: 0, offset: 0 });
  expect(message?.key).toEqual(Buffer.from([0, 254]));
  expect(message?.value).toEqual(Buffer.from([1, 0, 2]));
  expect([...pairsOf(message?.headers)]).toEqual([
    ["name", Buffer.from([0, 255, 10])],
    ["other", Buffer.from("größe")],
    ["name", Buffer.from("again")],
    ["empty", Buffer.alloc(0)],
  ]);
});

test("an empty value and a null one stay different", async () => {
  const topic = await newTopic();
  await produceAll(producer, topic, [Buffer.alloc(0), null]);
  const [empty, tombstone] = await read(bootstrap, topic, 2);
  expect(empty?.value).toEqual(Buffer.alloc(0));
  expect(tombstone?.value).toBeNull();
});

test("a delivery report names partition and offset, the broker's time, and gives back the very opaque", async () => {
  const topic = await newTopic(2, { "message.timestamp.type": "LogAppendTime" });
  const opaque = { chunk: 7 };
  const report = await new Promise<RdKafka.DeliveryReport>((resolve, reject) => {
    producer.once("delivery-report", (error, delivered) => (error ? reject(error) : resolve(delivered)));
    producer.produce(topic, 1, Buffer.from("x"), null, 1_000, opaque);
  });
  expect(report).toMatchObject({ topic, partition: 1, offset: 0, size: 1 });
  expect(report.opaque).toBe(opaque);
  expect(report.timestamp).toBeGreaterThan(1_700_000_000_000); // not the 1000 that was given
});

test("produce copies: the buffer may be used again at once", async () => {
  const topic = await newTopic();
  const buffer = Buffer.alloc(100_000);
  for (let fill = 1; fill <= 20; fill++) producer.produce(topic, 0, buffer.fill(fill));
  await call((done) => producer.flush(10_000, done));
  const messages = await read(bootstrap, topic, 20);
  expect(messages.map(({ value }) => value)).toEqual(
    messages.map((_, index) => Buffer.alloc(100_000, index + 1)),
  );
});

test("every record is reported, in order", async () => {
  const topic = await newTopic();
  const reports = await produceAll(
    producer,
    topic,
    Array.from({ length: 1000 }, (_, index) => `${index}`),
  );
  expect(reports.map(({ offset }) => offset)).toEqual(reports.map((_, index) => index));
  expect(reports).toHaveLength(1000);
});

test("a record that the topic refuses for its size is reported, and the next one is sent", async () => {
  const topic = await newTopic(1, { "max.message.bytes": "2000" });
  const outcome = (value: Buffer) =>
    new Promise<number>((resolve) => {
      producer.once("delivery-report", (error) => resolve(error ? error.code : 0));
      producer.produce(topic, 0, value);
    });
  expect(await outcome(Buffer.alloc(5000))).toBe(10); // ERR_MSG_SIZE_TOO_LARGE
  expect(await outcome(Buffer.alloc(500))).toBe(0);
});

test("what the client itself refuses is thrown", async () => {
  const topic = await newTopic();
  expect(() => producer.produce(topic, 0, Buffer.alloc(2_000_000))).toThrow("Message size too large");
  await produceAll(producer, topic, ["the partitions are known now"]);
  expect(() => producer.produce(topic, 5, Buffer.from("x"))).toThrow("Unknown partition");
  const invalid = [{ name: 5 }] as unknown as RdKafka.MessageHeader[];
  expect(() => producer.produce(topic, 0, Buffer.from("x"), null, null, undefined, invalid)).toThrow(
    "Header value",
  );
});

test("a full queue is thrown, and has room again when reports have come", async () => {
  const topic = await newTopic();
  const small = await connectProducer(bootstrap, { "queue.buffering.max.messages": 10, "linger.ms": 50 });
  const fill = () => {
    for (let count = 0; count < 100; count++) small.produce(topic, 0, Buffer.from("x"));
  };
  expect(fill).toThrow("Queue full");
  await call((done) => small.flush(10_000, done));
  small.produce(topic, 0, Buffer.from("fits"));
  await call((done) => small.flush(10_000, done));
  await disconnect(small);
});

test.each(["gzip", "snappy", "lz4", "zstd"])("%s works", async (codec) => {
  const topic = await newTopic();
  const compressing = await connectProducer(bootstrap, { "compression.codec": codec });
  await produceAll(compressing, topic, [Buffer.alloc(100_000, codec)]);
  await disconnect(compressing);
  const [message] = await read(bootstrap, topic, 1);
  expect(message?.value).toEqual(Buffer.alloc(100_000, codec));
});
