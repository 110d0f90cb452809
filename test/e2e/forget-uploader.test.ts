/** Taking a retired uploader out of the ledger. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { forget, forgetArguments, forgetAtTerminal, keysOf, ledgerOf } from "../support/forget.ts";
import { freePort } from "../support/free-port.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { outcomeOf } from "../support/outcome.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const aboutIt = ["file/", "delivered/", "failed/", "needs/", "claim/"];

async function send(scene: Scene, source: string, name: string): Promise<void> {
  const agent = await scene.uploader(source, { name, args: ["--once"] });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
}

async function fetchAll(scene: Scene, output: string): Promise<string> {
  const agent = await scene.downloader(output, { args: ["--once"] });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  return agent.output;
}

/** Till has sent a.txt and b.txt, of which the group has a.txt only. */
async function prepare(): Promise<{ scene: Scene; source: string; output: string }> {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "first");
  await send(scene, source, "till");
  await fetchAll(scene, output);
  await writeFile(join(source, "b.txt"), "second");
  await send(scene, source, "till");
  return { scene, source, output };
}

test("what would be lost is said, and nothing is written, unless somebody says yes", async () => {
  const { scene } = await prepare();
  const before = await (await scene.kafka()).endOffsets(scene.ledger);
  const { code, out, err } = await forget(scene, "uploader", "till");
  expect([code, err]).toEqual([1, "streamsend-agent: nothing is changed: --yes does it\n"]);
  expect(out).toContain("uploader till: 2 files sent, 0 being sent, 0 gone at the source\n");
  expect(out).toContain(`group ${scene.group} has not got 1 file (b.txt)\n`);
  expect(out).toMatch(/name: given back by the agent on \S+, last heard of 20/);
  expect(await (await scene.kafka()).endOffsets(scene.ledger)).toEqual(before);
});

test("with --yes it is done: nothing about its files stands, and the next time there is nothing to forget", async () => {
  const { scene, source } = await prepare();
  const other = await scene.folder("other");
  await writeFile(join(other, "c.txt"), "third");
  await send(scene, other, "office");
  const { code, out, err } = await forget(scene, "uploader", "till", "--yes");
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^uploader till is forgotten; entries taken out of the ledger: 3$/m);
  expect(await keysOf(scene, ...aboutIt)).toEqual(["file/office/c.txt"]);
  expect(await forget(scene, "uploader", "till", "--yes")).toEqual({
    code: 1,
    out: "",
    err: `streamsend-agent: ${scene.ledger} has nothing of uploader till to forget\n`,
  });
  // The name's numbers are kept: what comes back under it is newer than what was.
  const name = (await ledgerOf(scene)).get("name/till") as { state: string; highest: number };
  expect(name.state).toBe("released");
  await send(scene, source, "till");
  for (const [key, value] of await ledgerOf(scene))
    if (key.startsWith("file/till/"))
      expect((value as { version: number }).version).toBeGreaterThan(name.highest);
  expect(await keysOf(scene, "file/till/")).toEqual(["file/till/a.txt", "file/till/b.txt"]);
});

test("what a group has not read of the topic by then it still stores, once", async () => {
  const { scene, source, output } = await prepare();
  await writeFile(join(source, "c.txt"), "third");
  await send(scene, source, "till");
  const { code, err } = await forget(scene, "uploader", "till", "--yes");
  expect([code, err]).toEqual([0, ""]);
  expect(await fetchAll(scene, output)).toContain("till/b.txt: merge complete");
  await expectSameTree(source, join(output, "till"), []);
  expect(await fetchAll(scene, output)).not.toContain("merge complete");
});

test("an uploader that works is left alone, and so is its ledger", async () => {
  const { scene, source } = await prepare();
  const agent = await scene.uploader(source, { name: "till" });
  await waitUntil("it has the name", async () => {
    const name = (await ledgerOf(scene)).get("name/till") as { state: string } | undefined;
    return name?.state === "held";
  });
  const before = await keysOf(scene, "file/", "delivered/");
  const { code, out, err } = await forget(scene, "uploader", "till", "--yes");
  expect(code).toBe(1);
  expect(out).toContain("name: held by an agent on ");
  expect(err).toMatch(/^streamsend-agent: uploader till is at work on \S+: stop its agent first\n$/);
  expect(await keysOf(scene, "file/", "delivered/")).toEqual(before);
  expect(agent.isRunning).toBe(true);
});

test("an uploader that nobody knows is one line", async () => {
  const { scene } = await prepare();
  expect(await forget(scene, "uploader", "nobody")).toEqual({
    code: 1,
    out: "",
    err: `streamsend-agent: ${scene.ledger} has nothing of uploader nobody to forget\n`,
  });
});

test("at a terminal it is asked for, and done only after a yes", async () => {
  const { scene } = await prepare();
  for (const answer of ["n", "", undefined]) {
    const refused = await forgetAtTerminal(scene, ["uploader", "till"], answer);
    expect(refused.code).toBe(1);
    expect(refused.out).toContain("Forget uploader till? [y/N] ");
    expect(refused.out).toContain("streamsend-agent: nothing is changed\r\n");
  }
  expect(await keysOf(scene, "file/")).toHaveLength(2);
  const { code, out } = await forgetAtTerminal(scene, ["uploader", "till"], "y");
  expect(code).toBe(0);
  expect(out).toContain("uploader till is forgotten; entries taken out of the ledger: 3");
  expect(await keysOf(scene, "file/")).toEqual([]);
});

test("what was killed in the middle of it is finished by the next", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic);
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  const entries = Array.from({ length: 10_000 }, (_, at) =>
    fileEntry({ uploader: "till", path: `file-${at}`, content: Buffer.from("x") }, { topicId, offset: at }),
  );
  await kafka.produce(scene.ledger, entries);
  const command = scene.agent(await forgetArguments(scene, ["uploader", "till", "--yes"]));
  const written = async () => ((await kafka.endOffsets(scene.ledger))[0] ?? 0) - entries.length;
  await waitUntil("it takes entries out", async () => (await written()) > 500, {
    detail: () => command.report(),
  });
  await command.kill();
  expect((await keysOf(scene, "file/till/")).length).toBeGreaterThan(0);
  expect((await ledgerOf(scene)).get("name/till")).toMatchObject({ state: "held" });
  const { code, err } = await forget(scene, "uploader", "till", "--yes");
  expect([code, err]).toEqual([0, ""]);
  expect(await keysOf(scene, ...aboutIt)).toEqual([]);
  expect((await ledgerOf(scene)).get("name/till")).toMatchObject({ state: "released" });
});

test("without any broker it ends with one line", async () => {
  const { scene } = await prepare();
  const nobody = { brokers: `127.0.0.1:${freePort()}` };
  const { code, out, err } = await outcomeOf(
    scene.agent(await forgetArguments(scene, ["uploader", "till"], nobody)),
  );
  expect([code, out]).toEqual([1, ""]);
  expect(err).toMatch(/^streamsend-agent: [^\n]*no broker can be reached[^\n]*\n$/);
});
