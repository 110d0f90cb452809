/**
 * crowd-process.ts BROKERS TOPIC SOURCES: an uploader for each folder in SOURCES, each with connections of its own, in a process of
 * its own (`crowdProcess`). Says "ready" when all hold their names, sends when it is told to go on, and says how many files failed.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Crowd } from "./crowd.ts";

if (import.meta.main) {
  const [brokers = "", topic = "", sources = ""] = process.argv.slice(2);
  const crowd = await Crowd.open({ brokers, topic, ownConnections: true });
  const go = Promise.withResolvers<void>();
  const { failed } = await crowd.uploaders(readdirSync(sources), (name) => join(sources, name), go.promise);
  console.log("ready");
  process.stdin.once("data", () => go.resolve());
  console.log(`failed ${await failed}`);
  await crowd.close();
  process.exit(0);
}

/**
 * Starts it. While brokers are away each uploader's questions wait for their answer in a thread: as they would in a process of
 * each, they have to have one of their own, and how many there are is settled when a process starts.
 */
export function crowdProcess(brokers: string, topic: string, sources: string, uploaders: number) {
  const child = Bun.spawn([process.execPath, "run", import.meta.path, brokers, topic, sources], {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(3 * uploaders) },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  const read = (async () => {
    for await (const bytes of child.stdout) said += new TextDecoder().decode(bytes);
  })();
  return {
    says: (line: RegExp) => line.exec(said) ?? (child.exitCode === null ? false : `it has ended: ${said}`),
    go: () => {
      child.stdin.write("go\n");
      child.stdin.end();
    },
    stop: async () => {
      child.kill("SIGKILL");
      await read;
    },
  };
}
