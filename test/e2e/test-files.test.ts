/** Test files for trying a pipeline out. */
import { expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("one after the other is written and arrives, and names are used again", async () => {
  const scene = await openScene();
  const [watch, output] = [await scene.folder("watch"), await scene.folder("output")];
  const uploader = { test_file: { every: "1s", bytes: "300KB" } };
  const agent = await scene.uploader(watch, { name: "till", uploader });
  const seen = new Set<string>();
  const another = () => {
    for (const [, name = ""] of agent.output.matchAll(/(streamsend-test-\d+\.bin): successfully/g))
      seen.add(name);
    return (agent.output.match(/successfully processed/g) ?? []).length > 11;
  };
  await waitUntil("more were sent than there are names", another, { detail: () => agent.report() });
  expect(seen.size).toBe(10);
  agent.signal("SIGTERM");
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  const written = (await readdir(watch)).sort();
  expect(written).toEqual([...seen].sort());
  const downloader = await scene.downloader(output, { args: ["--once"] });
  expect(await downloader.waitForExit(), downloader.report()).toBe(0);
  const arrived = await Promise.all(
    written.map(async (name) => {
      const content = await readFile(join(watch, name));
      expect(content.length).toBe(300_000);
      return content.equals(await readFile(join(output, "till", name)));
    }),
  );
  // One may have been written just before the end.
  expect(arrived.filter((is) => is).length).toBeGreaterThanOrEqual(written.length - 1);
});

test("with --once there is one, and what is somebody else's stays", async () => {
  const scene = await openScene();
  const [watch, other] = [await scene.folder("watch"), await scene.folder("other")];
  const options = { uploader: { test_file: { every: "1m", bytes: 100 } }, args: ["--once"] };
  const agent = await scene.uploader(watch, options);
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  expect(agent.output).toContain("streamsend-test-1.bin: successfully processed");
  expect(
    (await readFile(join(watch, "streamsend-test-1.bin"), "latin1")).startsWith("streamsend-agent test file"),
  ).toBe(true);
  await writeFile(join(other, "streamsend-test-1.bin"), "a user's own");
  const refusing = await scene.uploader(other, options);
  expect(await refusing.waitForExit(), refusing.report()).toBe(0);
  expect(refusing.output).toContain("is somebody else's");
  expect(await readFile(join(other, "streamsend-test-1.bin"), "utf8")).toBe("a user's own");
  expect(await readdir(other)).toEqual(["streamsend-test-1.bin"]);
});

test("each stands still until it is sent, also where it takes longer for that than for the next ones to be written", async () => {
  const scene = await openScene();
  const watch = await scene.folder("watch");
  // So short that all names are written, and would be again, before the first one has settled.
  const uploader = { test_file: { every: "1s", bytes: 1000 }, settle: "15s" };
  const agent = await scene.uploader(watch, { uploader });
  await agent.waitForLine(/those before are still to be sent/);
  for (const number of [1, 2, 3])
    await agent.waitForLine(new RegExp(`streamsend-test-${number}\\.bin: successfully processed`));
  const first = /streamsend-test-1\.bin: successfully processed/g;
  // The names are used again, each for one that is sent.
  await waitUntil("one is sent again", () => (agent.output.match(first) ?? []).length > 1, {
    detail: () => agent.report(),
  });
});
