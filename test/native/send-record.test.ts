/** Records as they are handed over by number, and what is told of them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { EventEmitter } from "node:events";
import { pairsOf } from "../../agent/wire/headers.ts";
import { sharedKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";
import { connectProducer, createTopic, disconnect, type Producer, read } from "./client.ts";

let producer: Producer;
let bootstrap: string;
/** Number, error, partition, offset and time of each record. */
const reports: number[][] = [];

beforeAll(async () => {
  ({ bootstrap } = await sharedKafka());
  producer = await connectProducer(bootstrap);
  (producer as EventEmitter).on("delivery-report", (_: null, told: Buffer) => {
    for (let at = 0; at < told.length; at += 40)
      reports.push([0, 1, 2, 3, 4].map((index) => told.readDoubleLE(at + 8 * index)));
  });
});

afterAll(() => disconnect(producer));

async function newTopic(partitions = 1): Promise<string> {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic, partitions, { "message.timestamp.type": "LogAppendTime" });
  reports.length = 0;
  return topic;
}

test("a record arrives as it was handed over, and the memory may be used again at once", async () => {
  const topic = await newTopic();
  const value = Buffer.from([1, 0, 2]);
  const headers = ["name", "größe", "name", "again", "empty", "", "nul", "a\0b"];
  expect(producer.getClient().sendRecord(topic, 0, value, "schlüssel", headers, 1)).toBe(0);
  value.fill(9);
  expect(producer.getClient().sendRecord(topic, 0, null, "gone", [], 2)).toBe(0);
  expect(producer.getClient().sendRecord(topic, 0, Buffer.alloc(0), "", [], 3)).toBe(0);
  const [whole, tombstone, empty] = await read(bootstrap, topic, 3);
  expect([whole?.key, whole?.value]).toEqual([Buffer.from("schlüssel"), Buffer.from([1, 0, 2])]);
  expect([...pairsOf(whole?.headers)].map(([name, text]) => [name, String(text)])).toEqual([
    ["name", "größe"],
    ["name", "again"],
    ["empty", ""],
    ["nul", "a\0b"],
  ]);
  expect(tombstone).toMatchObject({ value: null, headers: undefined });
  expect([empty?.key, empty?.value]).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
});

test("a large value is read until it is told of, and not longer", async () => {
  const topic = await newTopic();
  const value = Buffer.alloc(500_000, "a");
  expect(producer.getClient().sendRecord(topic, 0, value, "key", [], 1)).toBe(0);
  await waitUntil("it is told of", () => reports.length === 1);
  value.fill("b");
  expect(producer.getClient().sendRecord(topic, 0, value.subarray(1000), "key", [], 2)).toBe(0);
  const [first, second] = await read(bootstrap, topic, 2);
  expect(first?.value?.equals(Buffer.alloc(500_000, "a"))).toBe(true);
  expect(second?.value?.equals(Buffer.alloc(499_000, "b"))).toBe(true);
});

test("each is told of by its number: where it is, and the brokers' time", async () => {
  const topic = await newTopic(2);
  const before = Date.now();
  const numbers = [7, 2 ** 40 + 1, 1000];
  for (const number of numbers)
    expect(producer.getClient().sendRecord(topic, 1, Buffer.from("x"), "key", [], number)).toBe(0);
  await waitUntil("all are told of", () => reports.length === numbers.length);
  expect(reports.map(([number, error, partition, offset]) => [number, error, partition, offset])).toEqual(
    numbers.map((number, offset) => [number, 0, 1, offset]),
  );
  for (const [, , , , time = 0] of reports) expect(time).toBeGreaterThan(before - 60_000);
});

test("what is not taken says why at once, what was not delivered is told of", async () => {
  const messageSize = 10; // ERR_MSG_SIZE_TOO_LARGE
  const topic = await newTopic();
  const huge = Buffer.alloc(2_000_000);
  expect(producer.getClient().sendRecord(topic, 0, huge, "key", ["name", "value"], 1)).toBe(messageSize);
  expect(producer.getClient().sendRecord(topic, 99, Buffer.from("x"), "key", ["name", "value"], 2)).toBe(0);
  await waitUntil("it is told of", () => reports.length === 1);
  expect(reports[0]?.slice(0, 2)).toEqual([2, -190]); // ERR__UNKNOWN_PARTITION
});

test("a client that is closed takes nothing", async () => {
  const closed = await connectProducer(bootstrap);
  const client = closed.getClient();
  await disconnect(closed);
  expect(client.sendRecord("topic", 0, Buffer.from("x"), "key", [], 1)).toBe(-172); // ERR__STATE
});

test("arguments that can't be used are refused", () => {
  const client = producer.getClient();
  const send = client.sendRecord as unknown as (...given: unknown[]) => void;
  expect(() => send.call(client, "topic", 0, "value", "key", [], 1)).toThrow("sendRecord(topic");
  expect(() => send.call(client, "topic", 0, null, "key", [])).toThrow("sendRecord(topic");
});
