/** Batches that would take too much memory, or can't be read: the consumer gets past them, and tells of them. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { IncomingRecord } from "../../agent/kafka/record-source.ts";
import { pairsOf } from "../../agent/wire/headers.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";
import {
  type Consumer,
  call,
  connectConsumer,
  connectProducer,
  consume,
  createTopic,
  disconnect,
  errorCode,
  type Producer,
  type Properties,
  produceAll,
} from "./client.ts";

const MiB = 1 << 20;
const tooLarge = "it takes too much memory once it is decompressed";
const badMessage = "it is damaged";

let kafka: Kafka;
let bootstrap: string;
let producer: Producer;
let consumer: Consumer;
let topic: string;

beforeAll(async () => {
  kafka = await startKafka();
  bootstrap = kafka.bootstrap;
  producer = await connectProducer(bootstrap);
});

beforeEach(async () => {
  topic = crypto.randomUUID();
  await createTopic(producer, topic);
  consumer = await connectConsumer(bootstrap, { "fetch.batch.max.bytes": 8 * MiB, "check.crcs": true });
});

afterEach(() => disconnect(consumer));
afterAll(async () => {
  await disconnect(producer);
  await kafka.stop();
});

/** All that comes up to the record at this offset. */
async function readTo(last: number): Promise<IncomingRecord[]> {
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  const all: IncomingRecord[] = [];
  await waitUntil(`the record at ${last}`, async () => {
    all.push(...(await consume(consumer, 10)));
    return all.some(({ offset }) => offset >= last);
  });
  return all;
}

/** Batches of their own, by a producer with these settings. */
async function produceWith(properties: Properties, values: readonly Buffer[]): Promise<void> {
  const other = await connectProducer(bootstrap, { "message.max.bytes": 1_000_000_000, ...properties });
  await produceAll(other, topic, values);
  await disconnect(other);
}

for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
  test(`of ${codec}, what is too large once it is decompressed is skipped, what fits is read`, async () => {
    // Snappy makes a twentieth of it at best.
    const bomb = Buffer.alloc((codec === "snappy" ? 16 : 90) * MiB);
    await produceWith({ "compression.type": codec, "linger.ms": 0 }, [bomb]);
    await produceWith({ "compression.type": codec, "linger.ms": 0 }, [Buffer.alloc(7 * MiB, "x")]);
    await produceAll(producer, topic, ["after"]);
    const read = await readTo(2);
    expect(read.map(({ offset, skipped, value }) => [offset, skipped, value?.length])).toEqual([
      [0, tooLarge, undefined],
      [1, undefined, 7 * MiB],
      [2, undefined, 5],
    ]);
  }, 120_000);
}

test("an answer of which nothing can be had, and that ends in the middle of a batch, is not waited behind", async () => {
  // An answer is a megabyte, and each of them nine tenths of one: they begin in one answer and end in the next.
  const bombs = Array.from({ length: 4 }, () => Buffer.concat([randomBytes(900_000), Buffer.alloc(8 * MiB)]));
  await produceWith({ "compression.type": "lz4", "linger.ms": 0, "batch.num.messages": 1 }, bombs);
  await produceAll(producer, topic, ["after"]);
  await disconnect(consumer);
  consumer = await connectConsumer(bootstrap, {
    "fetch.batch.max.bytes": 8 * MiB,
    "fetch.message.max.bytes": MiB,
    // Longer than anybody waits here: whoever backs off once does not get to the end.
    "fetch.error.backoff.ms": 300_000,
  });
  const read = await readTo(4);
  expect(read.map(({ offset, skipped }) => [offset, skipped])).toEqual([
    ...[0, 1, 2, 3].map((offset) => [offset, tooLarge]),
    [4, undefined],
  ]);
}, 120_000);

test("an answer of many batches that are large once decompressed is taken in part", async () => {
  await produceWith(
    { "compression.type": "gzip", "linger.ms": 0, "batch.num.messages": 1 },
    Array.from({ length: 60 }, (_, at) => Buffer.alloc(7 * MiB, at)),
  );
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let most = 0;
  const seen: number[] = [];
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  await waitUntil("all of them", async () => {
    // Whatever was fetched stays in the client's queue until it is taken.
    seen.push(...(await consume(consumer, 1)).map(({ offset }) => offset));
    Bun.gc(true);
    most = Math.max(most, process.memoryUsage.rss() - before);
    return seen.length >= 60;
  });
  expect(seen).toEqual(Array.from({ length: 60 }, (_, at) => at));
  // All at once would be 420.
  expect(most / MiB).toBeLessThan(120);
}, 120_000);

test("a batch of more records than one for each 512 bytes of the limit is skipped", async () => {
  await produceWith(
    { "linger.ms": 1000, "batch.num.messages": 1_000_000, "queue.buffering.max.messages": 1_000_000 },
    Array.from({ length: 20_000 }, () => Buffer.from("x")),
  );
  await produceAll(producer, topic, ["after"]);
  const read = await readTo(20_000);
  expect(read.filter(({ skipped }) => skipped === tooLarge).length).toBeGreaterThan(0);
  expect(read.at(-1)).toMatchObject({ offset: 20_000 });
}, 120_000);

test("a batch that fails its CRC is skipped when it was read three times, all of it", async () => {
  await produceAll(producer, topic, ["before"]);
  await produceWith(
    { "linger.ms": 1000 },
    ["first of the damaged", "second of the damaged"].map((text) => Buffer.from(text)),
  );
  await produceAll(producer, topic, ["after"]);
  damage("second of the damaged");
  const read = await readTo(3);
  expect(read.map(({ offset, skipped }) => [offset, skipped])).toEqual([
    [0, undefined],
    [2, badMessage],
    [3, undefined],
  ]);
}, 120_000);

/** Changes a byte of what the broker has on its disk. */
function damage(text: string): void {
  const folder = join(kafka.dir, "data", `${topic}-0`);
  for (const name of readdirSync(folder).filter((one) => one.endsWith(".log"))) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf(text);
    expect(at).toBeGreaterThan(0);
    bytes[at] = 0x21;
    writeFileSync(join(folder, name), bytes);
  }
}

test("a record of a hundred headers has them, one of more has none", async () => {
  for (const count of [100, 101]) {
    const headers = Array.from({ length: count }, (_, at) => ({ [`h${at}`]: "v" }));
    producer.produce(topic, 0, Buffer.from("x"), null, undefined, undefined, headers);
  }
  await call((done) => producer.flush(30_000, done));
  const read = await readTo(1);
  expect(read.map(({ headers }) => headers && [...pairsOf(headers)].length)).toEqual([100, undefined]);
});

test("an admin client that outlives its producer is told so, and its requests are waited for", async () => {
  const short = await connectProducer(bootstrap);
  const admin = RdKafka.AdminClient.createFrom(short);
  const describe = () =>
    call((done) => admin._client.describeConfigs([{ type: 2, name: topic }], 10_000, done as never));
  const running = Array.from({ length: 4 }, () => describe());
  await disconnect(short);
  const ended = await Promise.allSettled(running);
  // Each has its answer, or never began.
  expect(ended.length).toBe(4);
  expect(await errorCode(describe())).toBe(-172); // ERR__STATE
});
