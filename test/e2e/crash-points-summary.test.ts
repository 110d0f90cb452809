/** A crash at every durable effect by which the summary of the ledger is stored. */
import { expect, test } from "bun:test";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { crashableExecutable } from "../support/crash-points.ts";
import { useScenes } from "../support/scene.ts";
import { beginSummary, merged, move, newEntries, summaryOf } from "../support/summary-stage.ts";

const openScene = useScenes();

test("a kill -9 at any moment of storing it leaves the one before, or the new one", async () => {
  const { scene, source, output } = await beginSummary(await openScene());
  const list = join(await scene.folder("list"), "effects");
  const start = async (env: Record<string, string>) => {
    await rm(summaryOf(output), { force: true });
    const options = { executable: crashableExecutable, args: ["--once"], env };
    const agent = await scene.downloader(output, options);
    return agent.waitForExit();
  };
  expect(await start({ AGENT_CRASH_LIST: list })).toBe(0);
  const effects = (await readFile(list, "utf8")).split("\n");
  const ofSummary = effects.flatMap((line) =>
    /\.streamsend\/ledger/.test(line) ? [line.split(" ")[0]] : [],
  );
  // The sync, and the rename; what a crash has left is removed first.
  expect(ofSummary.length).toBeGreaterThanOrEqual(2);
  for (const [at, number] of ofSummary.entries())
    for (const moment of ["before", "after"]) {
      expect(await start({ AGENT_CRASH_AT: `${number}:${moment}` })).toBeNull();
      const next = await move(scene, source, output, `after-${at}-${moment}`);
      expect(merged(next)).toHaveLength(1);
      const isThere = effects[Number(number) - 1]?.includes("rename") === true && moment === "after";
      expect(newEntries(next) !== undefined).toBe(isThere);
    }
});
