/** Kafka's own tools, through scripts/kafka. */
import { join } from "node:path";

const script = join(import.meta.dir, "../kafka");

/** Makes the topic, with the settings that the agent gives its own, and produces to it as kafka-producer-perf-test does; returns its own figure, bytes per second. */
export async function producerPerformance(
  brokers: string,
  topic: string,
  records: number,
  recordBytes: number,
): Promise<number> {
  const make = [
    "--create",
    "--topic",
    topic,
    "--partitions",
    "1",
    "--config",
    "message.timestamp.type=LogAppendTime",
  ];
  await tool("org.apache.kafka.tools.TopicCommand", ["--bootstrap-server", brokers, ...make]);
  const output = await tool("org.apache.kafka.tools.ProducerPerformance", [
    ...[
      "--topic",
      topic,
      "--num-records",
      String(records),
      "--record-size",
      String(recordBytes),
      "--throughput",
      "-1",
    ],
    ...["--producer-props", `bootstrap.servers=${brokers}`, "acks=all"],
  ]);
  // The last line is the summary; those before it are of five seconds each.
  const rates = [...output.matchAll(/^\d+ records sent, ([\d.]+) records\/sec/gm)];
  return Number(rates.at(-1)?.[1]) * recordBytes;
}

export async function deleteTopic(brokers: string, topic: string): Promise<void> {
  await tool("org.apache.kafka.tools.TopicCommand", [
    "--bootstrap-server",
    brokers,
    "--delete",
    "--topic",
    topic,
  ]);
}

async function tool(name: string, args: readonly string[]): Promise<string> {
  const process = Bun.spawn([script, "run", name, ...args], { stdout: "pipe", stderr: "pipe" });
  const [output, errors, code] = await Promise.all([
    process.stdout.text(),
    process.stderr.text(),
    process.exited,
  ]);
  if (code !== 0) throw new Error(`${name}: exit code ${code}\n${output}${errors}`);
  return output;
}
