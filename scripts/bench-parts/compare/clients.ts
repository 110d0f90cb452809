/** What people would send a file with otherwise, by Kafka: each produces to a topic of its own and then consumes that. */
import type { Kafka } from "../../../test/support/kafka.ts";
import { cpuSeconds } from "../../../test/support/proc.ts";
import type { Bench } from "../bench.ts";
import { syncDisks } from "../files.ts";
import { consumerPerformance, deleteTopic, makeTopic, producerPerformance } from "../kafka-tools.ts";
import type { Ran } from "../usage.ts";
import { ceiling } from "./ceiling.ts";
import type { Client, Contestant, Measured } from "./contestant.ts";
import { handMade } from "./hand-made.ts";

/** Of the records, bytes: about what the agent's have, and what a topic takes by default. */
export const recordBytes = 1_000_000;

/** @param file the large file, of whole records */
export async function clients(
  bench: Bench,
  wanted: (kind: string) => boolean,
  file: string,
  fileBytes: number,
): Promise<Contestant[]> {
  const kafka = await bench.kafka();
  const records = fileBytes / recordBytes;
  const made: Client[] = [];
  if (wanted("ceiling")) made.push(await ceiling(bench, kafka.bootstrap, records, recordBytes));
  if (wanted("perf-test")) made.push(perfTest(kafka.bootstrap, records));
  if (wanted("python")) made.push(await handMade(bench, kafka.bootstrap, file, fileBytes));
  return made.map((client) => contestant(bench, kafka, client));
}

function perfTest(brokers: string, records: number): Client {
  return {
    produces: "kafka-producer-perf-test, acks=all",
    consumes: "kafka-consumer-perf-test",
    produce: (topic) => producerPerformance(brokers, topic, records, recordBytes),
    consume: (topic) => consumerPerformance(brokers, topic, records),
  };
}

function contestant(bench: Bench, kafka: Kafka, client: Client): Contestant {
  const measured = async (run: () => Promise<Ran>, side: "sender" | "receiver"): Promise<Measured> => {
    await syncDisks();
    const before = cpuSeconds(kafka.pid);
    const { seconds, ...cost } = await run();
    return { seconds, [side]: cost, brokerCpuSeconds: cpuSeconds(kafka.pid) - before };
  };
  return {
    rows: [client.produces, client.consumes],
    run: async () => {
      const topic = bench.newTopic();
      await makeTopic(kafka.bootstrap, topic);
      const produced = await measured(() => client.produce(topic), "sender");
      const consumed = await measured(() => client.consume(topic), "receiver");
      await deleteTopic(kafka.bootstrap, topic);
      return [produced, consumed];
    },
  };
}
