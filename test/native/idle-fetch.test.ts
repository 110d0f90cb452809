/** How long the broker may wait with its answer: for long only where a consumer has all that there is. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { RequestCounter } from "../support/request-counter.ts";
import { waitUntil } from "../support/wait.ts";
import {
  type Consumer,
  connectConsumer,
  connectProducer,
  consume,
  consumeAll,
  createTopic,
  disconnect,
  type Producer,
  produceAll,
} from "./client.ts";

/** Nobody here waits for so long. */
const longMs = 300_000;

let counter: RequestCounter;
let kafka: Kafka;
let producer: Producer;
let consumer: Consumer;
let topic: string;

beforeAll(async () => {
  counter = await RequestCounter.start();
  kafka = await startKafkaBehind([counter]);
  producer = await connectProducer(kafka.bootstrap);
});

beforeEach(async () => {
  topic = crypto.randomUUID();
  await createTopic(producer, topic, 2);
  consumer = await connectConsumer(`127.0.0.1:${counter.port}`, {
    "enable.partition.eof": true,
    "coordinator.query.enable": false,
    "fetch.wait.max.ms": 50,
    "fetch.wait.end.ms": longMs,
    "fetch.queue.backoff.ms": 2,
    "statistics.interval.ms": 100,
  });
});

afterEach(() => disconnect(consumer));
afterAll(async () => {
  await disconnect(producer);
  await kafka.stop();
  await counter.stop();
});

test("a partition that is asked where it begins is not held up by one whose end is waited at", async () => {
  await produceAll(producer, topic, ["a"], 1);
  const beginning = -2;
  consumer.assign([
    { topic, partition: 0, offset: 0 },
    { topic, partition: 1, offset: beginning },
  ]);
  const [first] = await consumeAll(consumer, 1);
  expect(first).toMatchObject({ partition: 1, offset: 0 });
});

test("the broker waits for long once each end was told, and answers at once; the group's coordinator is not looked for", async () => {
  const ends = new Set<string>();
  consumer.on("partition.eof", ({ partition, offset }) => ends.add(`${partition}: ${offset}`));
  await produceAll(producer, topic, ["a"], 1);
  consumer.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
  await consumeAll(consumer, 1);
  const waitsForNews = async () => {
    // The news of an end comes with this.
    await consume(consumer);
    return counter.lastFetchWaitMs === longMs;
  };
  await waitUntil("it waits for news", waitsForNews);
  expect([...ends].sort()).toEqual(["0: 0", "1: 1"]);
  await produceAll(producer, topic, ["b"], 0);
  const [news] = await consumeAll(consumer, 1);
  expect(news).toMatchObject({ partition: 0, offset: 0 });
  await waitUntil("it waits again", waitsForNews);
  expect(counter.count("FindCoordinator")).toBe(0);
});

test("a broker that waits as it was asked to is not told as silent", async () => {
  consumer.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
  await waitUntil("it waits for news", async () => {
    await consume(consumer);
    return counter.lastFetchWaitMs === longMs;
  });
  const silent: number[] = [];
  consumer.on("event.stats", ({ message }: { message: string }) => silent.push(longestSilence(message)));
  // It is looked at once a second.
  await waitUntil("it was told of for more than a second", async () => {
    await consume(consumer);
    return silent.length > 15;
  });
  expect(Math.max(...silent)).toBe(0);
});

/** Of all brokers, microseconds. */
function longestSilence(statistics: string): number {
  const { brokers } = JSON.parse(statistics) as { brokers: Record<string, { silent: number }> };
  return Math.max(...Object.values(brokers).map(({ silent }) => silent));
}
