import { expect, test } from "bun:test";
import { rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree, run } from "../support/compare.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";

const openScene = useScenes();

/** Sends what is in `source` now, and ends. */
async function sendOnce(scene: Scene, source: string): Promise<AgentProcess> {
  const agent = await scene.uploader(source, { args: ["--once"], uploader: { chunk: 65_536 } });
  expect(await agent.waitForExit()).toBe(0);
  return agent;
}

async function receiveOnce(scene: Scene, output: string): Promise<AgentProcess> {
  const agent = await scene.downloader(output, { args: ["--once"] });
  expect(await agent.waitForExit()).toBe(0);
  return agent;
}

/** Names with inode and change time: the same list twice means that nobody has touched a file in between. */
async function identities(folder: string): Promise<string> {
  return (await run(["bash", "-c", "find . -type f -printf '%P %i %C@\\n' | sort"], { cwd: folder })).output;
}

async function endOfTopic(scene: Scene): Promise<number> {
  const ends = await (await scene.kafka()).endOffsets(scene.topic);
  return ends.reduce((sum, end) => sum + end, 0);
}

test("an uploader that starts again sends nothing again, only what is new", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(51, { count: 50, levels: 3, maxBytes: 150_000 }));
  const first = await scene.uploader(source, { uploader: { chunk: 65_536 } });
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [first, downloader]);
  first.signal("SIGTERM");
  expect(await first.waitForExit()).toBe(0);
  const end = await endOfTopic(scene);
  const second = await scene.uploader(source, { uploader: { chunk: 65_536 } });
  await writeFile(join(source, "new.txt"), "new");
  await expectSameTree(source, join(output, "uploader"), [second, downloader]);
  expect(await endOfTopic(scene)).toBe(end + 1);
});

test("an uploader that was killed sends nothing again of what was acknowledged", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeTree(source, randomTree(52, { count: 20, levels: 2, maxBytes: 50_000 }));
  await sendOnce(scene, source);
  const end = await endOfTopic(scene);
  const killed = await scene.uploader(source);
  await writeFile(join(source, "new.txt"), "new");
  await killed.waitForLine(/new\.txt: successfully processed/);
  await killed.kill();
  await sendOnce(scene, source);
  // The new file once more at most: its entry may not have been written yet when it was killed.
  expect(await endOfTopic(scene)).toBeLessThanOrEqual(end + 2);
});

test("a downloader that starts again stores nothing again, and asks for nothing again", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(53, { count: 50, levels: 3, maxBytes: 150_000 }));
  const uploader = await scene.uploader(source, { uploader: { chunk: 65_536 } });
  const first = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, first]);
  first.signal("SIGTERM");
  expect(await first.waitForExit()).toBe(0);
  const before = await identities(output);
  const end = await endOfTopic(scene);
  const second = await receiveOnce(scene, output);
  expect(second.output).not.toContain("merge complete");
  expect(await identities(output)).toBe(before);
  expect(await endOfTopic(scene)).toBe(end);
});

test("files that people have taken out of the output are not delivered once more", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "a");
  await sendOnce(scene, source);
  await receiveOnce(scene, output);
  await unlink(join(output, "uploader/a.txt"));
  await run(["rm", "-rf", join(output, ".streamsend")]);
  const again = await receiveOnce(scene, output);
  expect(again.output).not.toContain("merge complete");
});

test("a changed file is sent, and takes the place of the old one", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "the first version");
  await sendOnce(scene, source);
  await receiveOnce(scene, output);
  await writeFile(join(source, "a.txt"), "the second one");
  await sendOnce(scene, source);
  const receiver = await receiveOnce(scene, output);
  await expectSameTree(source, join(output, "uploader"), [receiver]);
});

test("a file with the old name, size and modification time but other bytes is sent", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const file = join(source, "a.txt");
  for (const [content, path] of [
    ["first", file],
    ["other", file],
    ["third", join(source, "new.txt")],
  ] as const) {
    await writeFile(path, content);
    await run(["touch", "-d", "2025-04-15 20:30:49.202123456", path]);
    // The third comes under another name and is moved to this one: another inode.
    if (path !== file) await rename(path, file);
    await sendOnce(scene, source);
    const receiver = await receiveOnce(scene, output);
    await expectSameTree(source, join(output, "uploader"), [receiver]);
  }
});

test("a file that was made again with the old bytes, size and time is not sent again", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const file = join(source, "a.txt");
  await writeFile(file, "the same");
  await sendOnce(scene, source);
  const end = await endOfTopic(scene);
  await run(["cp", "-p", file, join(source, "copy")]);
  await rename(join(source, "copy"), file);
  await sendOnce(scene, source);
  expect(await endOfTopic(scene)).toBe(end);
});

test("the ledger knows what was sent and what was delivered", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a b.txt"), "hello");
  await sendOnce(scene, source);
  await receiveOnce(scene, output);
  const ledger = compacted(await (await scene.kafka()).readAll(scene.ledger));
  const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
  const file = ledger.get("file/uploader/a b.txt") as { version: number };
  expect(file).toMatchObject({ state: "sent", size: 5, checksum });
  const receipt = ledger.get(`delivered/${scene.group}/uploader/${file.version}/a b.txt`);
  expect(receipt).toMatchObject({ format: 1, size: 5, checksum });
  expect(ledger.get("name/uploader")).toMatchObject({ format: 1, state: "released", highest: file.version });
  expect(ledger.has(`start/${scene.group}`)).toBe(true);
});

test("a file that is gone from the source is noted as gone, and stays at the destination", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "hello");
  await sendOnce(scene, source);
  await receiveOnce(scene, output);
  await unlink(join(source, "a.txt"));
  await sendOnce(scene, source);
  await receiveOnce(scene, output);
  const ledger = compacted(await (await scene.kafka()).readAll(scene.ledger));
  expect(ledger.get("file/uploader/a.txt")).toMatchObject({ state: "gone" });
  expect(await identities(join(output, "uploader"))).toContain("a.txt");
});
