/** Thousands of small files: what they cost the ledger does not grow with each. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const files = 2000;

test("2,000 small files take few records of the ledger, of both sides together", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  for (let at = 0; at < files; at++) await writeFile(join(source, `${at}.txt`), `file ${at}`);
  const agents = [await scene.uploader(source), await scene.downloader(output)];
  await expectSameTree(source, join(output, "uploader"), agents);
  const kafka = await scene.kafka();
  const records = async () => (await kafka.readAll(scene.ledger)).map(({ key }) => String(key));
  const isNoted = (keys: string[]) => keys.some((key) => key.startsWith("done/"));
  await waitUntil("the group has said what it has", async () => isNoted(await records()));
  for (const agent of agents) {
    agent.signal("SIGTERM");
    expect(await agent.waitForExit()).toBe(0);
  }
  const written = await records();
  expect(written.length).toBeGreaterThan(2);
  // One a file would be 4,000: its uploader's, and the group's.
  expect(written.length).toBeLessThan(files / 4);
});
