import { afterAll, beforeAll } from "bun:test";
import { GroupConsumer } from "../../agent/kafka/group-consumer.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { Log } from "../../agent/observe/log.ts";
import { groupSuite } from "../conformance/group.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { numberedProducer } from "../support/numbered.ts";
import { PlainKafka } from "../support/plain-kafka.ts";
import { type Link, Toxiproxy } from "../support/toxiproxy.ts";
import { loadConfigOf } from "../unit/config/loading.ts";

const partitions = 3;
/** A member that says nothing for so long has lost its partitions; the brokers allow no less, and not much more. */
const sessionMs = { short: 6000, long: 600_000 };
let proxy: Toxiproxy;
let links: Link[];
let kafka: Kafka;
let made = 0;

beforeAll(async () => {
  proxy = await Toxiproxy.start();
  links = [await proxy.open("first"), await proxy.open("others")];
  kafka = await startKafkaBehind(links);
});
afterAll(async () => {
  await proxy.stop();
  await kafka.stop();
});

groupSuite("the group on Kafka", async () => {
  const topic = `conformance-${made++}`;
  const plain = await PlainKafka.open(kafka.bootstrap);
  await plain.createTopic(topic, partitions);
  const config = await loadConfigOf("name: till\nkafka: { brokers: [localhost] }");
  const log = new Log({ level: "error", format: "text", agent: "till" });
  return {
    partitions,
    join: async (instance, isPatient) => {
      const link = links[instance === "first" ? 0 : 1];
      if (!link) throw new Error("there is no link");
      const brokers = [`127.0.0.1:${link.port}`];
      const session = isPatient ? sessionMs.long : sessionMs.short;
      const properties = { "session.timeout.ms": `${session}`, "heartbeat.interval.ms": "500" };
      const kafka = { ...config.kafka, brokers, topic, options: properties };
      const options = { kafka, agentName: "till", log, effects: new Effects() };
      const group = await GroupConsumer.open(options, topic, instance);
      return { group, cut: () => link.cut(), mend: () => link.mend() };
    },
    produce: numberedProducer(plain, topic),
    expire: (partition, before) => plain.deleteRecords(topic, partition, before),
    // The brokers do it by themselves.
    rebalance: () => undefined,
    [Symbol.asyncDispose]: () => plain.close(),
  };
});
