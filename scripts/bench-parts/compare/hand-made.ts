/** What somebody writes in an afternoon: twenty lines of Python for each side (produce.py, consume.py), on Confluent's client. */
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { runMeasured } from "../usage.ts";
import type { Client } from "./contestant.ts";

export const pythonClient = "confluent-kafka==2.16.1";
const chunkBytes = 1_000_000;

export async function handMade(
  bench: Bench,
  brokers: string,
  file: string,
  fileBytes: number,
): Promise<Client> {
  const folder = await bench.newFolder("python");
  await runMeasured(["python3", "-m", "venv", join(folder, "venv")]);
  await runMeasured([join(folder, "venv/bin/pip"), "install", "--quiet", pythonClient]);
  const python = join(folder, "venv/bin/python");
  const digests: Record<string, string> = {};
  const run = async (script: string, topic: string, args: readonly string[]) => {
    const ran = await runMeasured([python, join(import.meta.dir, script), brokers, topic, ...args]);
    const [seconds, digest = ""] = ran.output.trim().split(" ");
    digests[topic] ??= digest;
    if (digests[topic] !== digest) throw new Error(`${script}: what arrived is not what was sent`);
    return { ...ran, seconds: Number(seconds) };
  };
  return {
    produces: "Python with confluent-kafka, file to topic",
    consumes: "Python with confluent-kafka, topic to file",
    produce: (topic) => run("produce.py", topic, [file, String(chunkBytes)]),
    consume: (topic) => run("consume.py", topic, [join(folder, "received"), String(fileBytes)]),
  };
}
