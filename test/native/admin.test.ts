import { afterAll, beforeAll, expect, test } from "bun:test";
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { sharedKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";
import {
  call,
  connectProducer,
  createTopic,
  disconnect,
  errorCode,
  type Producer,
  produceAll,
} from "./client.ts";

const timeout = 10_000;

let producer: Producer;
let admin: RdKafka.IAdminClient;

beforeAll(async () => {
  const { bootstrap } = await sharedKafka();
  producer = await connectProducer(bootstrap);
  admin = RdKafka.AdminClient.createFrom(producer);
});

afterAll(() => disconnect(producer));

/** The topic as described once it `has` what was asked for: the broker answers a change before its metadata show it. */
async function describedTopic(
  topic: string,
  has: (topic: RdKafka.TopicDescription) => boolean = ({ error }) => !error,
): Promise<RdKafka.TopicDescription> {
  return waitUntil("the topic is described", async () => (await describeTopic(topic)).find(has));
}

/** The package's type has another name for the field. */
function idOf({ topicId }: RdKafka.TopicDescription): string {
  return (topicId as unknown as { base64: string }).base64;
}

function describeTopic(topic: string): Promise<RdKafka.TopicDescription[]> {
  return call((done) => admin.describeTopics([topic], { timeout }, done));
}

function describeConfigs(resources: { type: 2 | 4; name: string }[]): Promise<RdKafka.DescribedResource[]> {
  return call((done) => admin._client.describeConfigs(resources, timeout, done));
}

test("a topic is made with partitions and settings, once", async () => {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic, 3, { "cleanup.policy": "compact", "retention.ms": "1000" });
  expect((await describedTopic(topic)).partitions).toHaveLength(3);
  expect(await errorCode(createTopic(producer, topic))).toBe(36); // ERR_TOPIC_ALREADY_EXISTS
});

test("whether a topic could be made is answered without making it", async () => {
  const topic = crypto.randomUUID();
  const validate = (wanted: Partial<RdKafka.NewTopic>) =>
    call((done) =>
      admin._client.validateTopic(
        { topic, num_partitions: 1, replication_factor: 1, ...wanted },
        timeout,
        done,
      ),
    );
  await validate({});
  expect(await errorCode(validate({ replication_factor: 3 }))).toBe(38); // ERR_INVALID_REPLICATION_FACTOR
  expect(await errorCode(validate({ topic: "no/topic" }))).toBe(17); // ERR_TOPIC_EXCEPTION
  await createTopic(producer, topic, 1);
  await describedTopic(topic);
  expect(await errorCode(validate({}))).toBe(36); // ERR_TOPIC_ALREADY_EXISTS
});

test("partitions can be added", async () => {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic, 1);
  await describedTopic(topic);
  await call((done) => admin.createPartitions(topic, 4, timeout, done));
  await describedTopic(topic, ({ partitions }) => partitions.length === 4);
});

test("a topic that was deleted and made again has another id", async () => {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic);
  const before = idOf(await describedTopic(topic));
  await call((done) => admin.deleteTopic(topic, timeout, done));
  const gone = await describedTopic(topic, ({ error }) => error !== undefined);
  expect(gone.error?.code).toBe(3); // ERR_UNKNOWN_TOPIC_OR_PART
  await createTopic(producer, topic);
  const after = idOf(await describedTopic(topic));
  expect(after).toMatch(/^[\w+/-]{22}$/);
  expect(after).not.toBe(before);
});

test("describeConfigs gives a topic's own settings and the defaults behind them", async () => {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic, 1, { "max.message.bytes": "12345" });
  await describedTopic(topic);
  const [described] = await describeConfigs([{ type: 2, name: topic }]);
  expect(described).toMatchObject({ type: 2, name: topic });
  expect(described?.error).toBeUndefined();
  expect(described?.entries["max.message.bytes"]).toMatchObject({ value: "12345", isDefault: false });
  expect(described?.entries["cleanup.policy"]).toMatchObject({ value: "delete", isDefault: true });
});

test("describeConfigs gives a broker's settings, and names what does not exist", async () => {
  const [broker, missing] = await describeConfigs([
    { type: 4, name: "1" },
    { type: 2, name: "there-is-no-such-topic" },
  ]);
  expect(broker?.entries["auto.create.topics.enable"]?.value).toBe("false");
  expect(missing?.error).toBe(3);
  expect(missing?.entries).toEqual({});
});

test("describeConfigs throws for arguments that it cannot read", () => {
  expect(() => admin._client.describeConfigs("all" as never, timeout, () => undefined)).toThrow(
    "describeConfigs(",
  );
  expect(() => admin._client.describeConfigs(["all"] as never, timeout, () => undefined)).toThrow(
    "{type, name}",
  );
});

test("listTopics and getMetadata know a topic and its partitions", async () => {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic, 2);
  await describedTopic(topic);
  expect(await call<string[]>((done) => admin.listTopics({ timeout }, done))).toContain(topic);
  const metadata = await call<RdKafka.Metadata>((done) =>
    producer.getMetadata({ topic, allTopics: false, timeout }, done),
  );
  expect(metadata.topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([[topic, 2]]);
});

test("listOffsets gives the end of a partition", async () => {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic);
  await produceAll(producer, topic, ["a", "b"]);
  const ends = await call<RdKafka.ListOffsetsResult[]>((done) =>
    admin.listOffsets([{ topic, partition: 0, offset: RdKafka.OffsetSpec.LATEST }], { timeout }, done),
  );
  expect(ends[0]?.offset).toBe(2);
});

test("a request that no broker answers fails in time", async () => {
  const lonely = RdKafka.AdminClient.create({ "bootstrap.servers": "127.0.0.1:1" });
  const resources = [{ type: 2 as const, name: "any" }];
  expect(await errorCode(call((done) => lonely._client.describeConfigs(resources, 500, done)))).toBe(-185); // ERR__TIMED_OUT
  lonely.disconnect();
});
