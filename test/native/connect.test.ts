import { afterAll, beforeAll, expect, test } from "bun:test";
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { GivesUp } from "@confluentinc/kafka-javascript/types/rdkafka.js";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";
import {
  connectConsumer,
  connectProducer,
  consumeAll,
  createTopic,
  disconnect,
  type Properties,
} from "./client.ts";

let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka({
    listeners: [{ name: "LOGIN", protocol: "SASL_PLAINTEXT" }],
    settings: {
      "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
      "listener.name.login.plain.sasl.jaas.config":
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_agent="secret";',
    },
  });
});

afterAll(() => kafka.stop());

/** Connects with SASL PLAIN in vain; what the client's log and the callback say about it. */
async function failToConnect(properties: Properties): Promise<{ code: number; log: string }> {
  const producer = new RdKafka.Producer({
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "agent",
    "sasl.password": "secret",
    ...properties,
  });
  let log = "";
  producer.on("event.log", ({ message }) => {
    log += `${message}\n`;
  });
  const code = await new Promise<number>((resolve) => {
    producer.connect({ allTopics: false, timeout: 2000 }, (error) => resolve(error ? error.code : 0));
  });
  if (code === 0) await disconnect(producer);
  return { code, log };
}

test("a login with the right password connects", async () => {
  const { code } = await failToConnect({ "bootstrap.servers": kafka.listener("LOGIN") });
  expect(code).toBe(0);
});

test("a refused login fails, and its reason is in the log", async () => {
  const { code, log } = await failToConnect({
    "bootstrap.servers": kafka.listener("LOGIN"),
    "sasl.password": "wrong",
  });
  expect(code).toBe(-195); // ERR__TRANSPORT
  expect(log).toContain("Authentication failed: Invalid username or password");
});

test("a broker that is not there fails, and its reason is in the log", async () => {
  const { code, log } = await failToConnect({ "bootstrap.servers": "127.0.0.1:1" });
  expect(code).toBe(-195);
  expect(log).toContain("Connection refused");
});

test("a property that does not exist is thrown", () => {
  expect(() => new RdKafka.Producer({ "no.such.property": "x" } as never)).toThrow("no.such.property");
});

test("a broker that is killed: event.error tells, and everything is delivered once and in order when it is back", async () => {
  const topic = crypto.randomUUID();
  const producer = await connectProducer(kafka.bootstrap, { "reconnect.backoff.max.ms": 500 });
  const errors: number[] = [];
  producer.on("event.error", ({ code }) => errors.push(code));
  let delivered = 0;
  producer.on("delivery-report", (error) => {
    if (error) throw error;
    delivered++;
  });
  await createTopic(producer, topic);
  const produce = (from: number, to: number) => {
    for (let number = from; number < to; number++) producer.produce(topic, 0, Buffer.from(`${number}`));
  };

  produce(0, 500);
  await waitUntil("some are delivered", () => delivered > 0);
  const killed = kafka.kill();
  produce(500, 1000);
  await killed;
  await waitUntil("the loss is told", () => errors.includes(-187)); // ERR__ALL_BROKERS_DOWN
  await kafka.restart();
  await waitUntil("all are delivered", () => delivered === 1000);
  const consumer = await connectConsumer(kafka.bootstrap);
  consumer.assign([{ topic, partition: 0, offset: 0 }]);
  const messages = await consumeAll(consumer, 1000);
  expect(messages.map(({ value }) => Number(value))).toEqual(messages.map((_, index) => index));
  await Promise.all([disconnect(producer), disconnect(consumer)]);
});

test("for how long nothing has moved on a connection is in the statistics, and one that still is silent can be given up", async () => {
  const topic = crypto.randomUUID();
  const producer = await connectProducer(kafka.bootstrap, { "statistics.interval.ms": 100 });
  await createTopic(producer, topic);
  let brokers: { nodename: string; silent: number; state: string; disconnects: number }[] = [];
  producer.on("event.stats", ({ message }) => {
    brokers = Object.values(JSON.parse(message).brokers);
  });
  let delivered = 0;
  producer.on("delivery-report", () => delivered++);
  const native: GivesUp = producer.getClient();
  const found = () => brokers.find(({ nodename }) => nodename === kafka.bootstrap);
  process.kill(kafka.pid, "SIGSTOP");
  try {
    producer.produce(topic, 0, Buffer.alloc(100_000));
    await waitUntil("it is silent", () => (found()?.silent ?? 0) >= 2_000_000);
    const before = found()?.disconnects ?? 0;
    native.giveUpSilent(kafka.bootstrap, 3_600_000);
    native.giveUpSilent("127.0.0.1:1", 0);
    const later = found()?.silent ?? 0;
    await waitUntil("it has had time for that", () => (found()?.silent ?? 0) > later + 2_000_000);
    expect(found()).toMatchObject({ state: "UP", disconnects: before });
    native.giveUpSilent(kafka.bootstrap, 1000);
    await waitUntil("it is given up", () => found()?.disconnects === before + 1);
    expect(found()?.silent).toBe(0);
  } finally {
    process.kill(kafka.pid, "SIGCONT");
  }
  await waitUntil("what waited is delivered", () => delivered === 1);
  await disconnect(producer);
});
