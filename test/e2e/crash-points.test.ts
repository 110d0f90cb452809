import { expect, test } from "bun:test";
import { executable } from "../support/agent-process.ts";
import { run } from "../support/compare.ts";
import { crashableExecutable } from "../support/crash-points.ts";
import { type Scene, useScenes } from "../support/scene.ts";

const openScene = useScenes();

/** A downloader without anything to do, up to a point; gives what it has left in its output. */
async function crashAt(scene: Scene, at: string): Promise<{ code: number | null; found: string }> {
  const output = await scene.folder("output");
  const agent = await scene.downloader(output, {
    args: ["--once"],
    executable: crashableExecutable,
    env: { AGENT_CRASH_AT: at },
  });
  const code = await agent.waitForExit();
  return { code, found: (await run(["find", ".", "-mindepth", "1"], { cwd: output })).output };
}

test("the executable that is shipped knows nothing of crash points, the one for the tests does", async () => {
  const count = async (file: string) => (await run(["grep", "-c", "-a", "AGENT_CRASH", file])).output.trim();
  expect(await count(executable)).toBe("0");
  expect(await count(crashableExecutable)).not.toBe("0");
});

test("a crash before an effect comes before it is done, one after it before the next one", async () => {
  const scene = await openScene();
  // What is written into a ledger once, for all, would be the first effect.
  expect(await crashAt(scene, "1000:before")).toMatchObject({ code: 0 });
  expect(await crashAt(scene, "1:before")).toEqual({ code: null, found: "" });
  expect(await crashAt(scene, "1:after")).toEqual({ code: null, found: "./.streamsend\n" });
  expect(await crashAt(scene, "2:before")).toEqual({ code: null, found: "./.streamsend\n" });
});

test("a point that is never reached changes nothing", async () => {
  const scene = await openScene();
  expect(await crashAt(scene, "1000:before")).toMatchObject({ code: 0 });
});
