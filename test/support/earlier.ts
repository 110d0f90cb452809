/** The version before this one, as an executable, and what upgrades and rollbacks between the two are judged by. */
import { join } from "node:path";
import type { AgentProcess } from "./agent-process.ts";
import { run, succeed } from "./compare.ts";
import { headerOf } from "./records.ts";
import type { Scene } from "./scene.ts";
import { writeTree } from "./tree.ts";

/** Settings by which a file of 20 MiB takes some seconds, in 80 chunks. */
export const slowly = { chunk: "256KiB", rate: "8MB/s" };
export const slowBytes = 20 << 20;
/** What is only in the ledger of 0.1.0, by key; and what it does not know. */
export const earlierKeys = /^(file|delivered)\//;
export const presentKeys = /^(files|done)\//;

/** The path of its executable; built on the first call, if scripts/test has not done it. */
export async function earlierExecutable(): Promise<string> {
  return (await succeed(join(import.meta.dir, "../../scripts/earlier"))).trim();
}

/** A tree to be sent, and where it is to arrive. */
export async function prepareTree(scene: Scene, files: Parameters<typeof writeTree>[1]) {
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, files);
  return { scene, source, output, received: join(output, "uploader") };
}

/** A ledger as compaction leaves it: the newest value under each key, without tombstones. */
export async function ledgerOf(scene: Scene): Promise<Map<string, string>> {
  const newest = new Map<string, string>();
  for (const { key, value } of await (await scene.kafka()).readAll(scene.ledger)) {
    if (value === null) newest.delete(key);
    else newest.set(key, value.toString("utf8"));
  }
  return newest;
}

/** The entries whose keys are like this, with their values: what an agent that does not know them has to leave alone. */
export function entriesOf(keys: RegExp, ledger: ReadonlyMap<string, string>): string[] {
  return [...ledger].filter(([key]) => keys.test(key)).map(([key, value]) => `${key} ${value}`);
}

/** By path, the versions of which the topic has chunks, in the order in which they began. */
export async function sentVersions(scene: Scene): Promise<Map<string, number[]>> {
  const sent = new Map<string, number[]>();
  for (const record of await (await scene.kafka()).readAll(scene.topic)) {
    const path = headerOf(record, "path") ?? "";
    const versions = sent.getOrInsertComputed(path, () => []);
    const version = Number(headerOf(record, "version"));
    if (!versions.includes(version)) versions.push(version);
  }
  return sent;
}

/** How many records the topic of the chunks has. */
export async function recordCount(scene: Scene): Promise<number> {
  const ends = await (await scene.kafka()).endOffsets(scene.topic);
  return ends.reduce((sum, end) => sum + end, 0);
}

/** Ends an agent in order, as an upgrade does. */
export async function stop(agent: AgentProcess): Promise<void> {
  await agent.stop();
  if (agent.exitCode !== 0) throw new Error(`it did not end in order\n${agent.report()}`);
}

/** Names with inode and change time: the same list twice means that nobody has touched a file in between. */
export async function identities(folder: string): Promise<string> {
  const list = "find . -path ./.streamsend -prune -o -type f -printf '%P %i %C@\\n' | sort";
  return (await run(["bash", "-c", list], { cwd: folder })).output;
}
