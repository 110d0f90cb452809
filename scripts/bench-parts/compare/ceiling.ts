/** The client library by itself, in C (ceiling.c), with the agent's settings: built against what the agent is linked from. */
import { join } from "node:path";
import {
  groupConsumerProperties,
  type Properties,
  producerProperties,
} from "../../../agent/kafka/connection/settings.ts";
import { loadConfigOf } from "../../../test/unit/config/loading.ts";
import type { Bench } from "../bench.ts";
import { runMeasured } from "../usage.ts";
import type { Client } from "./contestant.ts";

const nativeBuild = join(import.meta.dir, "../../native/build");

export async function ceiling(
  bench: Bench,
  brokers: string,
  records: number,
  recordBytes: number,
): Promise<Client> {
  const program = await build(join(await bench.newFolder("ceiling"), "ceiling"));
  const { kafka } = await loadConfigOf(`kafka: { brokers: ["${brokers}"] }`);
  // As the uploader has them with the default of in_flight.
  const limits = { batchBytes: 1 << 20, queueBytes: 20 << 20, compression: "none" };
  const properties = {
    produce: producerProperties(kafka, "ceiling", limits),
    consume: groupConsumerProperties(kafka, "ceiling", "ceiling", undefined),
  };
  const run = async (what: "produce" | "consume", topic: string) => {
    const size = [String(records), String(recordBytes)];
    const ran = await runMeasured([program, what, topic, ...size, ...listed(properties[what])]);
    return { ...ran, seconds: Number(ran.output) };
  };
  return {
    produces: "librdkafka in C, produce from memory",
    consumes: "librdkafka in C, consume to nowhere",
    produce: (topic) => run("produce", topic),
    consume: (topic) => run("consume", topic),
  };
}

/** Without those that only the binding knows. */
function listed(properties: Properties): string[] {
  return Object.entries(properties)
    .filter(([name]) => name !== "dr_cb")
    .map(([name, value]) => `${name}=${value}`);
}

async function build(program: string): Promise<string> {
  const client = (await runMeasured([nativeBuild, "--client"])).output.trim();
  const library = join(client, "deps/librdkafka/src");
  const source = join(import.meta.dir, "ceiling.c");
  const libraries = [join(library, "librdkafka-static.a"), "-lpthread", "-ldl", "-lm", "-lrt"];
  await runMeasured(["cc", "-O2", "-Wall", "-Werror", `-I${library}`, source, "-o", program, ...libraries]);
  return program;
}
