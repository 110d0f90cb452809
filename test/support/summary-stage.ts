/** A downloader that has stored a summary of the ledger, and starts of others behind it. */
import { expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "./agent-process.ts";
import { expectSameTree } from "./compare.ts";
import { fileAsNoted } from "./hand-made-ledger.ts";
import type { AgentOptions, Scene } from "./scene.ts";
import { waitUntil } from "./wait.ts";

export interface SummaryStage {
  scene: Scene;
  source: string;
  output: string;
}

export const filling = 150;
export const summaryOf = (output: string) => join(output, ".streamsend", "ledger");

/** Entries of an uploader that has sent nothing: with fewer there is too little to store. */
export async function fill(scene: Scene, from = 0): Promise<void> {
  const noted = (at: number) => {
    const facts = { state: "abandoned", size: 1, mtime: "0", ctime: "0", inode: "1" };
    return fileAsNoted("nobody", { path: `${at}`, version: 1, ...facts });
  };
  const records = Array.from({ length: filling }, (_, at) => noted(from + at));
  await (await scene.kafka()).produce(scene.ledger, records);
}

/** Sends, and stores, a file of this name. */
export async function move(
  scene: Scene,
  source: string,
  output: string,
  name: string,
): Promise<AgentProcess> {
  await writeFile(join(source, name), name);
  const uploader = await scene.uploader(source, { args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  const downloader = await downloadOnce(scene, output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  return downloader;
}

export async function downloadOnce(
  scene: Scene,
  output: string,
  options: AgentOptions = {},
): Promise<AgentProcess> {
  const agent = await scene.downloader(output, { args: ["--once"], ...options });
  expect(await agent.waitForExit()).toBe(0);
  return agent;
}

/**
 * Reads on until the summary is another one than before. Returns the first that did: it stores none if it ends while it reads the ledger
 * once more, and then the next one does.
 */
export async function storeSummary(scene: Scene, output: string): Promise<AgentProcess> {
  const stored = () => readFile(summaryOf(output)).catch(() => undefined);
  const before = await stored();
  const isStored = async () => {
    const now = await stored();
    return now !== undefined && before?.equals(now) !== true;
  };
  const first = await downloadOnce(scene, output);
  await waitUntil("the summary of the ledger is stored", async () => {
    if (!(await isStored())) await downloadOnce(scene, output);
    return isStored();
  });
  return first;
}

/** A ledger with some entries, of which a downloader has stored what it knows. */
export async function beginSummary(scene: Scene): Promise<SummaryStage> {
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await move(scene, source, output, "first");
  await fill(scene);
  const reading = await storeSummary(scene, output);
  expect(newEntries(reading)).toBeUndefined();
  return { scene, source, output };
}

/** How many entries were read, by who went on from a summary. */
export function newEntries(agent: AgentProcess): number | undefined {
  const line = agent.messages.find((message) => message.includes("went on from the summary of the ledger"));
  return line === undefined ? undefined : Number(/: (\d+) entr/.exec(line)?.[1]);
}

export const merged = (agent: AgentProcess) =>
  agent.messages.filter((line) => line.includes("merge complete"));
