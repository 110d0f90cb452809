import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import type { EventEmitter } from "node:events";
import type RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { IncomingRecord } from "../../agent/kafka/record-source.ts";
import { sharedKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";
import {
  type Consumer,
  call,
  connectConsumer,
  connectProducer,
  consume,
  consumeAll,
  createTopic,
  disconnect,
  errorCode,
  type Producer,
  produceAll,
} from "./client.ts";

let bootstrap: string;
let producer: Producer;
let consumer: Consumer;
let topic: string;
const ends: RdKafka.EofEvent[] = [];

beforeAll(async () => {
  ({ bootstrap } = await sharedKafka());
  producer = await connectProducer(bootstrap);
});

beforeEach(async () => {
  topic = crypto.randomUUID();
  ends.length = 0;
  await createTopic(producer, topic, 2);
  await produceAll(producer, topic, ["a", "b", "c", "d"]);
  consumer = await connectConsumer(bootstrap, { "enable.partition.eof": true });
  consumer.on("partition.eof", (event) => ends.push(event));
});

afterEach(() => disconnect(consumer));
afterAll(() => disconnect(producer));

const offsets = (records: readonly IncomingRecord[]) => records.map(({ offset }) => offset);

test("an assignment starts at the offset that it names", async () => {
  consumer.assign([{ topic, partition: 0, offset: 2 }]);
  expect(offsets(await consumeAll(consumer, 2))).toEqual([2, 3]);
});

test("consume gives no more than it was asked for, in order", async () => {
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  expect(offsets(await consumeAll(consumer, 3))).toEqual([0, 1, 2]);
  expect(offsets(await consumeAll(consumer, 1))).toEqual([3]);
});

test("the timeout is for the first record only: what is there is given", async () => {
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  // If it were for the fifth, too, the test would wait that long.
  expect((await consume(consumer, 1000, 1_000_000)).length).toBeGreaterThan(0);
});

test("the end of each partition is told, of an empty one too, and again after more has come", async () => {
  consumer.assign([
    { topic, partition: 0, offset: 0 },
    { topic, partition: 1, offset: 0 },
  ]);
  const told = (partition: number, offset: number) =>
    waitUntil(`the end of partition ${partition} at ${offset}`, async () => {
      await consume(consumer, 10);
      return ends.some((end) => end.partition === partition && end.offset === offset);
    });
  await told(0, 4);
  await told(1, 0);
  await produceAll(producer, topic, ["more"], 1);
  await told(1, 1);
});

test("position is after what was consumed, and unknown before", async () => {
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  expect(consumer.position([{ topic, partition: 0 }])[0]?.offset).toBeUndefined();
  await consumeAll(consumer, 2);
  expect(consumer.position([{ topic, partition: 0 }])[0]?.offset).toBe(2);
});

test("seek goes back", async () => {
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  await consumeAll(consumer, 4);
  await call((done) => consumer.seek({ topic, partition: 0, offset: 1 }, 10_000, done));
  expect(offsets(await consumeAll(consumer, 1))).toEqual([1]);
});

test("a paused partition gives nothing, a resumed one goes on where it was", async () => {
  consumer.assign([
    { topic, partition: 0, offset: 0 },
    { topic, partition: 1, offset: 0 },
  ]);
  await consumeAll(consumer, 1);
  consumer.pause([{ topic, partition: 0 }]);
  await produceAll(producer, topic, ["other partition"], 1);
  expect((await consumeAll(consumer, 1))[0]).toMatchObject({ partition: 1, offset: 0 });
  consumer.resume([{ topic, partition: 0 }]);
  expect(offsets(await consumeAll(consumer, 3))).toEqual([1, 2, 3]);
});

test("the watermarks are asked of the broker", async () => {
  const marks = await call<RdKafka.WatermarkOffsets>((done) =>
    consumer.queryWatermarkOffsets(topic, 0, 10_000, done),
  );
  expect(marks).toEqual({ lowOffset: 0, highOffset: 4 });
});

test("a commit is there with its metadata when commitAndWait has called back", async () => {
  const committed = [{ topic, partition: 0, offset: 3, metadata: "store-1" }];
  await call((done) => consumer.getClient().commitAndWait(committed, 10_000, done));
  const found = await call<RdKafka.TopicPartitionOffsetAndMetadata[]>((done) =>
    consumer.committed(
      [
        { topic, partition: 0 },
        { topic, partition: 1 },
      ],
      10_000,
      done,
    ),
  );
  expect(found[0]).toMatchObject({ offset: 3, metadata: "store-1" });
  expect(found[1]?.offset).toBeUndefined();
});

test("a commit that one of its partitions is refused fails", async () => {
  const offsets = [
    { topic, partition: 0, offset: 1 },
    { topic: "there is no such topic", partition: 0, offset: 1 },
  ];
  const code = await errorCode(call((done) => consumer.getClient().commitAndWait(offsets, 10_000, done)));
  expect(code).toBe(3); // ERR_UNKNOWN_TOPIC_OR_PART
});

test("offsets that cannot be read are thrown", () => {
  const commit = (offsets: unknown) => () =>
    consumer.getClient().commitAndWait(offsets as never, 1000, () => undefined);
  expect(commit([{ topic }])).toThrow("an offset must be");
  expect(commit("all")).toThrow("commitAndWait(offsets");
});

test("an offset out of range is an error that stands until the partition is assigned anew", async () => {
  consumer.assign([{ topic, partition: 0, offset: 1000 }]);
  let code: number | undefined;
  await waitUntil("consume fails", async () => {
    code = await consume(consumer).then(
      () => undefined,
      (error) => error.code,
    );
    return code !== undefined;
  });
  expect(code).toBe(-140); // ERR__AUTO_OFFSET_RESET
  expect(consumer.position([{ topic, partition: 0 }])[0]?.offset).toBeUndefined();
  consumer.incrementalUnassign([{ topic, partition: 0 }]);
  consumer.incrementalAssign([{ topic, partition: 0, offset: 3 }]);
  expect(offsets(await consumeAll(consumer, 1))).toEqual([3]);
});

test("statistics do not pile up in a consumer that is not polled", async () => {
  const everyMs = { "statistics.interval.ms": 20 };
  const [polled, unpolled] = [
    await connectProducer(bootstrap, everyMs),
    await connectConsumer(bootstrap, everyMs),
  ];
  let counted = 0;
  const given: string[] = [];
  try {
    polled.on("event.stats", () => counted++);
    (unpolled as EventEmitter).on("event.stats", ({ message }: { message: string }) => given.push(message));
    await waitUntil("the polled one has said it 30 times", () => counted >= 30);
    const before = given.length;
    await consume(unpolled, 1, 1);
    await waitUntil("the unpolled one has said it", () => given.length > before);
    // What waited, and what came while it was taken.
    expect(given.length - before).toBeLessThan(10);
  } finally {
    await disconnect(polled);
    await disconnect(unpolled);
  }
});
