/** What happens to a source after it was sent; where it says so, receipts are written by hand. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { delivered, failed } from "../support/hand-made-ledger.ts";
import { compacted } from "../support/records.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

interface Entry {
  version: number;
  state: string;
  size: number;
  checksum: string;
}

interface Stage {
  scene: Scene;
  source: string;
  start(settings?: Settings, args?: readonly string[]): Promise<AgentProcess>;
}

/** An uploader that deletes what the group "hub" has. */
async function prepare(): Promise<Stage> {
  const scene = await openScene();
  const source = await scene.folder("source");
  const start = (settings: Settings = {}, args: readonly string[] = []) =>
    scene.uploader(source, {
      uploader: { after: "delete", after_groups: ["hub"], ...settings },
      kafka: { ledger_partitions: 1 },
      args,
    });
  return { scene, source, start };
}

async function entryOf({ scene }: Stage, path: string): Promise<Entry> {
  const entry = compacted(await (await scene.kafka()).readAll(scene.ledger)).get(`file/uploader/${path}`);
  if (entry === undefined) throw new Error(`no entry of ${path}`);
  return entry as Entry;
}

async function receive(stage: Stage, path: string, wrong: Partial<Entry> = {}, group = "hub"): Promise<void> {
  const entry = { ...(await entryOf(stage, path)), ...wrong };
  const id = { uploader: "uploader", path, version: entry.version };
  await (await stage.scene.kafka()).produce(stage.scene.ledger, [delivered(group, id, entry)]);
}

async function endOfTopic({ scene }: Stage): Promise<number> {
  return (await (await scene.kafka()).endOffsets(scene.topic)).reduce((sum, end) => sum + end, 0);
}

async function send(stage: Stage, agent: AgentProcess, name: string): Promise<string> {
  const file = join(stage.source, name);
  await writeFile(file, `the content of ${name}`);
  await agent.waitForLine(new RegExp(`${name}: successfully processed`));
  return file;
}

test("what a downloader has stored is deleted at the source, and stays at the destination", async () => {
  const stage = await prepare();
  const { scene, source } = stage;
  const output = await scene.folder("output");
  const files = randomTree(61, { count: 50, levels: 3, maxBytes: 150_000 });
  await writeTree(source, files);
  const agents = [
    await stage.start({ after_groups: [scene.group], chunk: 65_536 }),
    await scene.downloader(output, { kafka: { ledger_partitions: 1 } }),
  ];
  await waitUntil("the source is empty", async () => (await filesBelow(source)).length === 0, {
    pollMs: 200,
    detail: () => agents.map((agent) => agent.report()).join("\n"),
  });
  for (const { path, content } of files)
    expect((await readFile(join(output, "uploader", path.toString()))).equals(content)).toBe(true);
});

test("a receipt of another group, version, size or checksum deletes nothing", async () => {
  const stage = await prepare();
  const agent = await stage.start();
  const file = await send(stage, agent, "a.txt");
  const other = await send(stage, agent, "b.txt");
  const { version, checksum, size } = await entryOf(stage, "a.txt");
  await receive(stage, "a.txt", {}, "another");
  await receive(stage, "a.txt", { version: version + 1 });
  await receive(stage, "a.txt", { version: version - 1 });
  await receive(stage, "a.txt", { size: size + 1 });
  await receive(stage, "a.txt", { checksum: checksum.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")) });
  // The ledger is read in its order: with this one, the others have been read.
  await receive(stage, "b.txt");
  await agent.waitForLine(/b\.txt: deleted, as it is delivered/);
  expect(existsSync(other)).toBe(false);
  expect(existsSync(file)).toBe(true);
  await receive(stage, "a.txt");
  await agent.waitForLine(/a\.txt: deleted, as it is delivered/);
  expect(existsSync(file)).toBe(false);
  await waitUntil("the ledger says so", async () => (await entryOf(stage, "a.txt")).state === "gone");
});

test("with several groups, the last one's receipt counts", async () => {
  const stage = await prepare();
  const agent = await stage.start({ after_groups: ["hub", "mirror"] });
  const file = await send(stage, agent, "a.txt");
  await send(stage, agent, "b.txt");
  await receive(stage, "a.txt", {}, "mirror");
  await receive(stage, "b.txt", {}, "mirror");
  await receive(stage, "b.txt", {}, "hub");
  await agent.waitForLine(/b\.txt: deleted/);
  expect(existsSync(file)).toBe(true);
  await receive(stage, "a.txt", {}, "hub");
  await agent.waitForLine(/a\.txt: deleted/);
});

test("a receipt that came while the uploader was down deletes at the next start, and nothing is sent again", async () => {
  const stage = await prepare();
  const agent = await stage.start();
  const file = await send(stage, agent, "a.txt");
  await waitUntil("the ledger says so", async () => (await entryOf(stage, "a.txt")).state === "sent");
  await agent.kill();
  await receive(stage, "a.txt");
  const end = await endOfTopic(stage);
  expect(await (await stage.start({}, ["--once"])).waitForExit()).toBe(0);
  expect(existsSync(file)).toBe(false);
  expect(await endOfTopic(stage)).toBe(end);
  expect((await entryOf(stage, "a.txt")).state).toBe("gone");
});

test("a file that has changed since it was sent is not deleted", async () => {
  const stage = await prepare();
  const first = await stage.start();
  const file = await send(stage, first, "a.txt");
  await send(stage, first, "b.txt");
  await first.kill();
  await writeFile(file, "changed since");
  await receive(stage, "a.txt");
  await receive(stage, "b.txt");
  // It does not settle for as long as the test takes.
  const agent = await stage.start({ settle: "1h" });
  await agent.waitForLine(/b\.txt: deleted/);
  expect(await readFile(file, "utf8")).toBe("changed since");
});

test("acknowledged: a file is deleted as soon as the brokers have it", async () => {
  const stage = await prepare();
  await writeTree(stage.source, randomTree(63, { count: 30, levels: 3, maxBytes: 10_000 }));
  const agent = await stage.start({ after_when: "acknowledged" }, ["--once"]);
  expect(await agent.waitForExit()).toBe(0);
  expect(await filesBelow(stage.source)).toEqual([]);
});

test("move: a file goes into the same folders elsewhere, never over what is there", async () => {
  const stage = await prepare();
  const { scene, source } = stage;
  const sent = await scene.folder("sent");
  await mkdir(join(source, "deep/er"), { recursive: true });
  await writeFile(join(source, "deep/er/a.tar.gz"), "new");
  await writeFile(join(source, "b.txt"), "b");
  await mkdir(join(sent, "shop/deep/er"), { recursive: true });
  await writeFile(join(sent, "shop/deep/er/a.tar.gz"), "old");
  const move = {
    after: "move",
    move_to: sent,
    after_when: "acknowledged",
    watch: [{ path: source, as: "shop" }],
  };
  const agent = await stage.start(move, ["--once"]);
  expect(await agent.waitForExit()).toBe(0);
  const { version } = await entryOf(stage, "shop/deep/er/a.tar.gz");
  expect(await filesBelow(sent)).toEqual(
    ["shop/b.txt", `shop/deep/er/a.tar.gz`, `shop/deep/er/a.tar.~${version}~.gz`].sort(),
  );
  expect(await readFile(join(sent, "shop/deep/er/a.tar.gz"), "utf8")).toBe("old");
  expect(await readFile(join(sent, `shop/deep/er/a.tar.~${version}~.gz`), "utf8")).toBe("new");
  expect(await filesBelow(source)).toEqual([]);
  expect(agent.output).toContain(`moved to ${sent}/shop/deep/er/a.tar.~${version}~.gz`);
});

test("move: a file that can't be moved is said once, tried again, and holds back no other", async () => {
  const stage = await prepare();
  const { scene, source } = stage;
  const sent = await scene.folder("sent");
  await symlink(source, join(sent, "link"));
  await mkdir(join(source, "link"));
  await writeFile(join(source, "link/a.txt"), "a");
  await writeFile(join(source, "b.txt"), "b");
  const agent = await stage.start({ after: "move", move_to: sent, after_when: "acknowledged" });
  await agent.waitForLine(/link\/a\.txt: can't be moved away: .* is in the way/);
  await agent.waitForLine(/b\.txt: moved to/);
  expect(existsSync(join(source, "link/a.txt"))).toBe(true);
  await rename(join(sent, "link"), join(sent, "other"));
  await agent.waitForLine(/link\/a\.txt: moved to/);
  expect(await readFile(join(sent, "link/a.txt"), "utf8")).toBe("a");
  expect(agent.messages.filter((message) => message.includes("can't be moved away"))).toHaveLength(1);
});

test("a file behind a link that has taken its folder's place is not deleted", async () => {
  const stage = await prepare();
  const { scene, source } = stage;
  const elsewhere = await scene.folder("elsewhere");
  await mkdir(join(source, "folder"));
  const agent = await stage.start({ rescan: "1h" });
  await send(stage, agent, "folder/a.txt");
  await send(stage, agent, "b.txt");
  await rename(join(source, "folder"), join(elsewhere, "folder"));
  await symlink(join(elsewhere, "folder"), join(source, "folder"));
  await receive(stage, "folder/a.txt");
  await receive(stage, "b.txt");
  await agent.waitForLine(/b\.txt: deleted/);
  expect(existsSync(join(elsewhere, "folder/a.txt"))).toBe(true);
});

test("--once waits until everything is delivered", async () => {
  const stage = await prepare();
  await writeFile(join(stage.source, "a.txt"), "a");
  const agent = await stage.start({}, ["--once"]);
  await agent.waitForLine(/a\.txt: successfully processed/);
  await waitUntil("the ledger says so", async () => {
    const ledger = await (await stage.scene.kafka()).readAll(stage.scene.ledger);
    return compacted(ledger).has("file/uploader/a.txt");
  });
  expect(agent.isRunning).toBe(true);
  await receive(stage, "a.txt");
  expect(await agent.waitForExit()).toBe(0);
  expect(await filesBelow(stage.source)).toEqual([]);
});

test("--once ends with 1 when a group could not store a file, and keeps that file", async () => {
  const stage = await prepare();
  await writeFile(join(stage.source, "a.txt"), "a");
  const agent = await stage.start({}, ["--once"]);
  await agent.waitForLine(/a\.txt: successfully processed/);
  const { version } = await waitUntil("the ledger says so", () =>
    entryOf(stage, "a.txt").catch(() => undefined),
  );
  const id = { uploader: "uploader", path: "a.txt", version };
  await (await stage.scene.kafka()).produce(stage.scene.ledger, [failed("hub", id, "file name too long")]);
  expect(await agent.waitForExit()).toBe(1);
  expect(agent.output).toContain(`a.txt: group hub could not store version ${version}: file name too long`);
  expect(await filesBelow(stage.source)).toEqual(["a.txt"]);
  // What was said while nobody listened is said at the next start.
  const next = await stage.start();
  await next.waitForLine(/a\.txt: group hub could not store version \d+: file name too long/);
});

/** Relative paths of the files below a folder, sorted. */
async function filesBelow(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
