/** The topics of a run, and who may use them. */
import { join } from "node:path";
import { run } from "../../test/support/compare.ts";
import type { Kafka } from "../../test/support/kafka.ts";

export const topic = "streamsend";
export const ledger = `${topic}.ledger`;
const script = join(import.meta.dir, "../kafka");
export const acls = "org.apache.kafka.tools.AclCommand";
export const everybody = "User:*";

/** Makes rights count: from here on they are what is written down, and that is everything for everybody. */
export async function giveRights(kafka: Kafka): Promise<void> {
  const all = ["--allow-principal", everybody, "--operation", "All"];
  await untilDone(kafka, acls, "--add", ...all, "--topic", topic, "--topic", ledger);
}

/** The broker may be down or frozen by another fault. */
export async function untilDone(kafka: Kafka, tool: string, ...args: readonly string[]): Promise<void> {
  for (;;) {
    const { code } = await run([script, "run", tool, "--bootstrap-server", kafka.bootstrap, ...args]);
    if (code === 0) return;
    await Bun.sleep(500);
  }
}
