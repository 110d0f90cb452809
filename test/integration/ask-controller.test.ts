/** A controller that went away: the client goes on waiting for it, until it is told to ask who it is by now. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Client } from "../../agent/kafka/connection/client.ts";
import { RecordProducer } from "../../agent/kafka/producer.ts";
import { describeTopic } from "../../agent/kafka/topics/topics.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { Log } from "../../agent/observe/log.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { MetadataProxy } from "../support/metadata-proxy.ts";
import { PlainKafka } from "../support/plain-kafka.ts";
import { loadConfigOf } from "../unit/config/loading.ts";

let proxy: MetadataProxy;
let kafka: Kafka;

beforeAll(async () => {
  proxy = await MetadataProxy.start();
  kafka = await startKafkaBehind([proxy]);
  const plain = await PlainKafka.open(kafka.bootstrap);
  await plain.createTopic("files");
  await plain.close();
});

afterAll(async () => {
  await proxy.stop();
  await kafka.stop();
});

function askForMetadata(client: Client): Promise<void> {
  return new Promise((resolve, reject) =>
    client.getMetadata({ allTopics: false, timeout: 10_000 }, (error) => (error ? reject(error) : resolve())),
  );
}

test("a topic is described though the controller that the client knew is none any more", async () => {
  const { kafka: config } = await loadConfigOf(
    `name: till\nkafka: { brokers: ["127.0.0.1:${proxy.port}"], topic: files }`,
  );
  const stop = new AbortController();
  const log = new Log({ level: "error", format: "text", agent: "till" });
  const options = { kafka: config, agentName: "till", log, effects: new Effects(), signal: stop.signal };
  const producer = await RecordProducer.open(options);
  const client = await producer.client();
  proxy.mistake("wrong controller");
  await askForMetadata(client);
  expect(proxy.changedAnswers).toBe(1);
  proxy.mistake(undefined);
  expect((await describeTopic(client, "files"))?.partitions).toBe(1);
  stop.abort();
  await producer.close(0);
});
