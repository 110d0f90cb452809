/**
 * Clients of the agent that do not find back are made anew where they stood. They are lost for certain here: the way they know
 * to the broker is cut for good, and only a new client hears of another one.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { KafkaConfig } from "../../agent/config/config.ts";
import { GroupConsumer } from "../../agent/kafka/group-consumer.ts";
import { LogReader } from "../../agent/kafka/log-reader.ts";
import { RecordProducer } from "../../agent/kafka/producer.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { Log } from "../../agent/observe/log.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { PlainKafka } from "../support/plain-kafka.ts";
import { type Link, Toxiproxy } from "../support/toxiproxy.ts";
import { waitUntil } from "../support/wait.ts";
import { loadConfigOf } from "../unit/config/loading.ts";

const topic = "files";
let proxy: Toxiproxy;
let link: Link;
let kafka: Kafka;
let plain: PlainKafka;
let brokers: string[];
let options: { kafka: KafkaConfig; agentName: string; log: Log; effects: Effects };

beforeEach(async () => {
  proxy = await Toxiproxy.start();
  link = await proxy.open("link");
  kafka = await startKafkaBehind([link]);
  plain = await PlainKafka.open(kafka.bootstrap);
  await plain.createTopic(topic);
  brokers = [`127.0.0.1:${link.port}`];
  // Its clients are looked at three times a second instead of every ten seconds.
  const yaml = `name: till\nkafka: { brokers: [${brokers}], options: { statistics.interval.ms: 300 } }`;
  const config = await loadConfigOf(yaml);
  const log = new Log({ level: "error", format: "text", agent: "till" });
  options = { kafka: { ...config.kafka, brokers, topic }, agentName: "till", log, effects: new Effects() };
});

afterEach(async () => {
  await plain.close();
  await proxy.stop();
  await kafka.stop();
});

async function loseTheWay(): Promise<void> {
  brokers[0] = kafka.bootstrap;
  await link.cut();
}

async function produce(from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  await plain.produce(
    topic,
    numbers.map((number) => ({ key: "", value: Buffer.from(String(number)), headers: [] })),
  );
}

test("a reader goes on behind what it has read: nothing twice, nothing left out", async () => {
  await produce(0, 9);
  const reader = await LogReader.open(options, topic, [{ partition: 0, offset: -2 }]);
  const offsets: number[] = [];
  const readUntil = (count: number) =>
    waitUntil(`${count} records were read`, async () => {
      for (const event of await reader.read(true))
        if (event.kind === "record") offsets.push(event.record.offset);
      return offsets.length >= count;
    });
  await readUntil(10);
  await loseTheWay();
  await produce(10, 19);
  await readUntil(20);
  await reader.close();
  expect(offsets).toEqual(Array.from({ length: 20 }, (_, at) => at));
  await expect(reader.read(true)).rejects.toThrow("the reader was closed");
});

test("a producer reports what was under way as undelivered, and takes the next", async () => {
  const { signal } = new AbortController();
  const producer = await RecordProducer.open({
    ...options,
    queueBytes: 1 << 20,
    compression: "none",
    signal,
  });
  const send = (value: string) =>
    producer.send({ topic, partition: 0, key: "", value: Buffer.from(value) }).then(
      ({ offset }) => offset,
      (error: Error) => error.message,
    );
  expect(await send("first")).toBe(0);
  await loseTheWay();
  expect(await send("under way")).toBe("the producer was made anew");
  expect(await send("next")).toBe(1);
  await producer.close(0);
});

test("a group's member says that it is lost, so that its session ends", async () => {
  const member = await GroupConsumer.open(options, "inbox", "inbox-1");
  await waitUntil("it has its partition", async () => (await member.next(1, 100)).kind === "gained");
  await loseTheWay();
  const ended = waitUntil("it is lost", async () => {
    await member.next(1, 100);
    return false;
  });
  await expect(ended).rejects.toThrow("the client was lost");
  await member.close();
});

test("a member that is being closed does not know its partitions' ends, and says so without an error", async () => {
  const member = await GroupConsumer.open(options, "inbox", "inbox-2");
  await waitUntil("it has its partition", async () => (await member.next(1, 100)).kind === "gained");
  let isClosed = false;
  const closing = member.close().then(() => {
    isClosed = true;
  });
  const asked: (number | undefined)[] = [];
  while (!isClosed) {
    asked.push(member.knownEnd(0));
    await new Promise(setImmediate);
  }
  await closing;
  expect(asked.at(-1)).toBeUndefined();
  expect(member.knownEnd(0)).toBeUndefined();
});
