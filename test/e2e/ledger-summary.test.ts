/** A downloader that is started again reads only what is new in the ledger, by what it has stored of it; and all of it where that is of no use. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { forget } from "../support/forget.ts";
import { mount } from "../support/mount.ts";
import { useScenes } from "../support/scene.ts";
import {
  beginSummary,
  downloadOnce,
  fill,
  filling,
  merged,
  move,
  newEntries,
  type SummaryStage,
  summaryOf,
} from "../support/summary-stage.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("a start reads only what is new, and knows what was delivered before", async () => {
  const { scene, source, output } = await beginSummary(await openScene());
  const second = await move(scene, source, output, "second");
  expect(newEntries(second)).toBeLessThan(15);
  expect(merged(second)).toHaveLength(1);
  await fill(scene, filling);
  const third = await downloadOnce(scene, output);
  expect(newEntries(third)).toBeGreaterThanOrEqual(filling);
  // What it had read is stored in the end.
  const fourth = await move(scene, source, output, "third");
  expect(newEntries(fourth)).toBeLessThan(15);
  expect(merged(fourth)).toHaveLength(1);
});

test("one that runs stores it once it has read the ledger: after a kill -9 the next one goes on from there", async () => {
  const { scene, source, output } = await beginSummary(await openScene());
  await rm(summaryOf(output));
  const running = await scene.downloader(output);
  await waitUntil("it is stored", () => existsSync(summaryOf(output)));
  await running.kill();
  const next = await move(scene, source, output, "second");
  expect(newEntries(next)).toBeLessThan(15);
  expect(merged(next)).toHaveLength(1);
});

const spoiled: [string, RegExp | undefined, (stage: SummaryStage) => Promise<unknown>][] = [
  ["is gone", undefined, ({ output }) => rm(summaryOf(output))],
  ["is cut", /it is damaged/, ({ output }) => truncate(summaryOf(output), 300)],
  [
    "has a changed byte",
    /it is damaged/,
    async ({ output }) => {
      const bytes = await readFile(summaryOf(output));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(summaryOf(output), bytes);
    },
  ],
  ["is something else", /it is damaged/, ({ output }) => writeFile(summaryOf(output), "something else\n")],
  [
    "is of a ledger that was deleted",
    /it is of another ledger/,
    async ({ scene }) => (await scene.kafka()).deleteTopic(scene.ledger),
  ],
  [
    "is of another group",
    /it is of another group/,
    async ({ scene, output }) => {
      const other = await scene.folder("other");
      await downloadOnce(scene, other, { name: "other", downloader: { group: "other" } });
      await copyFile(summaryOf(other), summaryOf(output));
    },
  ],
];

test.each(spoiled)("where it %s all of the ledger is read, which is no error", async (_what, why, spoil) => {
  const stage = await beginSummary(await openScene());
  await spoil(stage);
  const next = await move(stage.scene, stage.source, stage.output, "second");
  expect(newEntries(next)).toBeUndefined();
  const said = next.messages.filter((line) => line.includes("the summary of the ledger is of no use"));
  expect(said).toHaveLength(why ? 1 : 0);
  if (why) expect(said[0]).toMatch(why);
  expect(next.output).not.toMatch(/WARN .*summary|ERROR/);
});

test("a group that was forgotten begins anew, also with the output that it had", async () => {
  const { scene, source, output } = await beginSummary(await openScene());
  await move(scene, source, output, "second");
  expect((await forget(scene, "group", scene.group, "--yes")).code).toBe(0);
  await rm(join(output, "uploader"), { recursive: true });
  const anew = await downloadOnce(scene, output);
  expect(merged(anew)).toHaveLength(2);
  await expectSameTree(source, join(output, "uploader"), [anew]);
});

test("a disk that is full is said once, and the work goes on", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  await using _disk = await mount("tmpfs", output, "size=1m");
  const options = { downloader: { min_free: 0 } };
  await downloadOnce(scene, output, options);
  await fill(scene);
  await writeFile(join(output, "filling"), Buffer.alloc(2 << 20)).catch(() => undefined);
  const agent = await downloadOnce(scene, output, options);
  const said = agent.messages.filter((line) => line.includes("the summary of the ledger can't be stored"));
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("ENOSPC");
  await rm(join(output, "filling"));
  await downloadOnce(scene, output, options);
  expect(newEntries(await downloadOnce(scene, output, options))).toBeLessThan(15);
});
