/** Kafka's own tools, through scripts/kafka. */
import { join } from "node:path";
import { type Ran, runMeasured } from "./usage.ts";

const script = join(import.meta.dir, "../kafka");

/** A topic of one partition, with the settings that the agent gives its own. */
export async function makeTopic(brokers: string, topic: string): Promise<void> {
  const settings = ["--partitions", "1", "--config", "message.timestamp.type=LogAppendTime"];
  const make = ["--bootstrap-server", brokers, "--create", "--topic", topic, ...settings];
  await tool("org.apache.kafka.tools.TopicCommand", make);
}

/** Produces as kafka-producer-perf-test does, with acks=all. `seconds` is by its own figure, without its start; the cost is of all. */
export async function producerPerformance(
  brokers: string,
  topic: string,
  records: number,
  recordBytes: number,
): Promise<Ran> {
  const ran = await tool("org.apache.kafka.tools.ProducerPerformance", [
    ...["--topic", topic, "--num-records", String(records), "--record-size", String(recordBytes)],
    ...["--throughput", "-1", "--producer-props", `bootstrap.servers=${brokers}`, "acks=all"],
  ]);
  // The last line is the summary; those before it are of five seconds each.
  const rates = [...ran.output.matchAll(/^\d+ records sent, ([\d.]+) records\/sec/gm)];
  return { ...ran, seconds: records / Number(rates.at(-1)?.[1]) };
}

/** Consumes what is there as kafka-consumer-perf-test does; `seconds` is by its own figure, without the time to join its group. */
export async function consumerPerformance(brokers: string, topic: string, records: number): Promise<Ran> {
  const ran = await tool("org.apache.kafka.tools.ConsumerPerformance", [
    ...["--bootstrap-server", brokers, "--topic", topic, "--messages", String(records)],
  ]);
  // Two lines: names, and the values of all of it.
  const [names = [], values = []] = ran.output
    .trim()
    .split("\n")
    .slice(-2)
    .map((line) => line.split(",").map((cell) => cell.trim()));
  return { ...ran, seconds: Number(values[names.indexOf("fetch.time.ms")]) / 1000 };
}

export async function deleteTopic(brokers: string, topic: string): Promise<void> {
  const remove = ["--bootstrap-server", brokers, "--delete", "--topic", topic];
  await tool("org.apache.kafka.tools.TopicCommand", remove);
}

function tool(name: string, args: readonly string[]): Promise<Ran> {
  return runMeasured([script, "run", name, ...args]);
}
