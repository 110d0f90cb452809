/** How many requests it takes to know both topics: counted on the way to a real broker. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { RecordProducer } from "../../agent/kafka/producer.ts";
import { FollowedTopics } from "../../agent/kafka/topics/followed-topics.ts";
import { prepareTopics } from "../../agent/kafka/topics/topics.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { Log } from "../../agent/observe/log.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { RequestCounter } from "../support/request-counter.ts";
import { waitUntil } from "../support/wait.ts";
import { loadConfigOf } from "../unit/config/loading.ts";

let counter: RequestCounter;
let kafka: Kafka;

beforeAll(async () => {
  counter = await RequestCounter.start();
  kafka = await startKafkaBehind([counter]);
});

afterAll(async () => {
  await counter.stop();
  await kafka.stop();
});

/** A producer, and what its requests for topics are. */
async function prepare() {
  const yaml = `name: till\nkafka: { brokers: ["127.0.0.1:${counter.port}"], topic: files }`;
  const { kafka: config } = await loadConfigOf(yaml);
  const log = new Log({ level: "error", format: "text", agent: "till" });
  const stop = new AbortController();
  const options = { kafka: config, agentName: "till", log, effects: new Effects(), signal: stop.signal };
  const producer = await RecordProducer.open(options);
  const client = await producer.client();
  await prepareTopics(client, config, log);
  const asked = async (work: () => Promise<unknown>) => {
    const before = { ...counter.counts };
    await work();
    const { DescribeTopics = 0, DescribeConfigs = 0 } = counter.counts;
    return {
      topics: DescribeTopics - (before.DescribeTopics ?? 0),
      settings: DescribeConfigs - (before.DescribeConfigs ?? 0),
    };
  };
  const end = async () => {
    stop.abort();
    await producer.close(0);
  };
  return { config, log, producer, client, asked, end, signal: stop.signal };
}

test("a start asks once which topics there are and once for their settings, and so does each look at both", async () => {
  const { config, log, producer, client, asked, end } = await prepare();
  const atStart = await asked(() => prepareTopics(client, config, log));
  expect(atStart).toEqual({ topics: 1, settings: 1 });
  const topics = await prepareTopics(client, config, log);
  const followed = new FollowedTopics({ kafka: config, producer, log, everyMs: 3600_000 }, topics);
  expect(await asked(() => followed.ledger.look())).toEqual({ topics: 1, settings: 0 });
  const refreshBoth = () => {
    const since = performance.now();
    return Promise.all([followed.chunks.refresh(since), followed.ledger.refresh(since)]);
  };
  expect(await asked(refreshBoth)).toEqual({ topics: 1, settings: 1 });
  expect(followed.chunks.value).toEqual(topics.chunks);
  expect(followed.ledger.value).toEqual(topics.ledger);
  await end();
});

test("two who follow the topics from time to time take one request each time", async () => {
  const { config, log, producer, client, end, signal } = await prepare();
  const topics = await prepareTopics(client, config, log);
  const followed = new FollowedTopics({ kafka: config, producer, log, everyMs: 40 }, topics);
  const looked = { chunks: 0, ledger: 0 };
  for (const which of ["chunks", "ledger"] as const) {
    const topic = followed[which];
    const look = topic.look.bind(topic);
    topic.look = (sinceMs) => {
      looked[which]++;
      return look(sinceMs);
    };
  }
  const before = counter.count("DescribeTopics");
  const stop = new AbortController();
  const following = followed.follow(AbortSignal.any([signal, stop.signal]));
  await waitUntil("each has looked ten times", () => Math.min(looked.chunks, looked.ledger) >= 10);
  stop.abort();
  await following;
  // Less than two for each time, which is what it is when each asks for itself.
  expect(counter.count("DescribeTopics") - before).toBeLessThan(1.5 * Math.max(looked.chunks, looked.ledger));
  await end();
});
