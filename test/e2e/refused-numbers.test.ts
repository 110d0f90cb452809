/** Files whose size or time no record can hold are refused, once for each state, and hold up no other. */
import { expect, test } from "bun:test";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../support/compare.ts";
import { mount } from "../support/mount.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

// Mounting takes root: few other file systems have files as large as that.
test.skipIf(process.getuid?.() !== 0)(
  "a file that is too large, or from too far away a time, is refused with the reason, and the others go on",
  async () => {
    const scene = await openScene();
    const source = await scene.folder("source");
    await using _ = await mount("tmpfs", source);
    await run(["truncate", "--size=9007199254745088", join(source, "sparse.img")]);
    await writeFile(join(source, "future.txt"), "from the future");
    await utimes(join(source, "future.txt"), 2e11, 2e11);
    await writeFile(join(source, "a.txt"), "a");
    const agent = await scene.uploader(source);
    await agent.waitForLine(
      /sparse\.img: can't be sent: its size of 9007199254745088 bytes is more than a version can have/,
    );
    await agent.waitForLine(
      /future\.txt: can't be sent: its modification time is further away than a version's can be/,
    );
    await agent.waitForLine(/a\.txt: successfully processed/);
    // Looked at again by then, and not said again.
    await writeFile(join(source, "b.txt"), "b");
    await agent.waitForLine(/b\.txt: successfully processed/);
    await utimes(join(source, "future.txt"), 1, 1);
    await agent.waitForLine(/future\.txt: successfully processed/);
    expect(agent.messages.filter((message) => message.startsWith("sparse.img"))).toHaveLength(1);
    agent.signal("SIGTERM");
    expect(await agent.waitForExit()).toBe(0);
    expect(await (await scene.uploader(source, { args: ["--once"] })).waitForExit()).toBe(1);
    const records = await (await scene.kafka()).readAll(scene.topic);
    expect(records.map(({ key }) => key).sort()).toEqual(
      ["a.txt", "b.txt", "future.txt"].map((name) => `uploader/${name}`),
    );
  },
);
