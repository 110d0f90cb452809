import { LogReader } from "../../agent/kafka/log-reader.ts";
import { Log } from "../../agent/observe/log.ts";
import { readerSuite } from "../conformance/reader.ts";
import { sharedKafka } from "../support/kafka.ts";
import { numberedProducer } from "../support/numbered.ts";
import { PlainKafka } from "../support/plain-kafka.ts";
import { loadConfigOf } from "../unit/config/loading.ts";

readerSuite("the reader on Kafka", async () => {
  const { bootstrap } = await sharedKafka();
  const topic = `conformance-${crypto.randomUUID()}`;
  const plain = await PlainKafka.open(bootstrap);
  await plain.createTopic(topic, 2);
  const { kafka } = await loadConfigOf(`name: till\nkafka: { brokers: ["${bootstrap}"], topic: ${topic} }`);
  const log = new Log({ level: "error", format: "text", agent: "till" });
  return {
    open: (from) => LogReader.open({ kafka, agentName: "till", log }, topic, from),
    produce: numberedProducer(plain, topic),
    expire: (partition, before) => plain.deleteRecords(topic, partition, before),
    [Symbol.asyncDispose]: () => plain.close(),
  };
});
