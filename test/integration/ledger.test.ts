import { RecordProducer } from "../../agent/kafka/producer.ts";
import { FollowedTopics } from "../../agent/kafka/topics/followed-topics.ts";
import { prepareTopics } from "../../agent/kafka/topics/topics.ts";
import { Ledger } from "../../agent/ledger/ledger.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { Log } from "../../agent/observe/log.ts";
import { ledgerSuite } from "../conformance/ledger.ts";
import { sharedKafka } from "../support/kafka.ts";
import { PlainKafka } from "../support/plain-kafka.ts";
import { waitUntil } from "../support/wait.ts";
import { loadConfigOf } from "../unit/config/loading.ts";

/** Only segments that are closed are compacted: a record that comes so much later closes one. */
const segmentMs = 100;
const filler = { key: "filler", value: Buffer.from("{}"), headers: [] };
let made = 0;

ledgerSuite("the ledger on Kafka", async () => {
  const { bootstrap } = await sharedKafka();
  const topic = `conformance-${process.pid}-${made++}`;
  const name = `${topic}-ledger`;
  const plain = await PlainKafka.open(bootstrap);
  await plain.createTopic(name, 3, {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "segment.ms": `${segmentMs}`,
    "min.cleanable.dirty.ratio": "0.001",
  });
  const yaml = `name: till\nkafka: { brokers: ["${bootstrap}"], topic: ${topic}, ledger: ${name}, ledger_partitions: 3 }`;
  const { kafka } = await loadConfigOf(yaml);
  const log = new Log({ level: "error", format: "text", agent: "till" });
  const stop = new AbortController();
  const options = { kafka, agentName: "till", log, effects: new Effects(), signal: stop.signal };
  const producer = await RecordProducer.open({ ...options, queueBytes: 1 << 20, compression: "none" });
  const topics = await prepareTopics(await producer.client(), kafka, log);
  const { ledger: current } = new FollowedTopics({ kafka, producer, log, everyMs: 1000 }, topics);
  return {
    ledger: new Ledger({ ...options, producer, topic: current }),
    recreate: async () => {
      const { id } = current.value;
      await plain.deleteTopic(name);
      await waitUntil("it is made again", async () => {
        await current.refresh();
        return current.value.id !== id;
      });
    },
    compact: () =>
      waitUntil("all that was overwritten is gone", async () => {
        for (let partition = 0; partition < 3; partition++) await plain.produce(name, [filler], partition);
        const keys = (await plain.readAll(name)).map(({ key }) => key).filter((key) => key !== filler.key);
        return new Set(keys).size === keys.length;
      }).then(() => undefined),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await producer.close(0);
      await plain.close();
    },
  };
});
