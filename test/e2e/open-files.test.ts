/** A file that somebody has open for writing is not finished: neither sent, nor deleted or moved away. */
import { expect, test } from "bun:test";
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Faults } from "../support/faults.ts";
import { delivered } from "../support/hand-made-ledger.ts";
import { compacted, headerOf } from "../support/records.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const EACCES = 13;

test.each<[string, Settings, boolean]>([
  ["kept", {}, false],
  ["deleted", { after: "delete", after_when: "acknowledged" }, false],
  ["moved away", { after: "move", after_when: "acknowledged" }, false],
  ["deleted, where there are no leases", { after: "delete", after_when: "acknowledged" }, true],
])(
  "a writer that pauses for longer than settle loses nothing: sent whole, then %s",
  async (_, settings, noLeases) => {
    const scene = await openScene();
    const [source, moveTo] = [await scene.folder("source"), await scene.folder("moved")];
    const file = join(source, "report.csv");
    const uploader = settings.after === "move" ? { ...settings, move_to: moveTo } : settings;
    const faults = await Faults.make(await scene.folder("faults"));
    if (noLeases) await faults.refuse("leases", EACCES);
    const agent = await scene.uploader(source, { uploader, env: noLeases ? faults.env : {} });
    const writer = openSync(file, "a");
    writeSync(writer, "the first half");
    await agent.waitForLine(/report\.csv: waits, as a program has it open for writing/);
    // It is asked about again and again meanwhile.
    await writeFile(join(source, "another.txt"), "another");
    await agent.waitForLine(/another\.txt: successfully processed/);
    writeSync(writer, " and the second");
    closeSync(writer);
    await agent.waitForLine(/report\.csv: successfully processed/);
    const records = await (await scene.kafka()).readAll(scene.topic);
    const values = records.filter(({ key }) => key.endsWith("report.csv")).map(({ value }) => String(value));
    expect(values).toEqual(["the first half and the second"]);
    if (settings.after === undefined) return;
    await waitUntil("the source is gone", () => !existsSync(file), { detail: () => agent.report() });
    if (settings.after === "move")
      expect(await readFile(join(moveTo, "report.csv"), "utf8")).toBe("the first half and the second");
  },
);

test.each(["delete", "move"])(
  "%s: a file that is opened for writing again after it was sent stays, and is sent as it is then",
  async (after) => {
    const scene = await openScene();
    const [source, moveTo] = [await scene.folder("source"), await scene.folder("moved")];
    const file = join(source, "log.txt");
    await writeFile(file, "one line\n");
    const move = after === "move" ? { move_to: moveTo } : {};
    const agent = await scene.uploader(source, {
      uploader: { after, after_groups: ["hub"], ...move },
      kafka: { ledger_partitions: 1 },
    });
    await agent.waitForLine(/log\.txt: successfully processed/);
    const writer = openSync(file, "a");
    await receive(scene, "log.txt");
    await agent.waitForLine(/log\.txt: can't be (deleted|moved away): a program has it open for writing/);
    writeSync(writer, "another\n");
    closeSync(writer);
    await waitUntil("both versions are sent", async () => (await versions(scene, "log.txt")).length === 2);
    expect(await versions(scene, "log.txt")).toEqual(["one line\n", "one line\nanother\n"]);
    expect(existsSync(file)).toBe(true);
    await waitUntil("the ledger has it", async () => (await entryOf(scene, "log.txt")).size === 17);
    await receive(scene, "log.txt");
    await waitUntil("the source is gone", () => !existsSync(file), { detail: () => agent.report() });
    if (after === "move") expect(await readFile(join(moveTo, "log.txt"), "utf8")).toBe("one line\nanother\n");
  },
);

// Another user's files take root to make.
test.skipIf(process.getuid?.() !== 0)(
  "what somebody writes to a file that was moved away, where that could not be known, is sent again",
  async () => {
    const scene = await openScene();
    const [source, moveTo] = [await scene.folder("source"), await scene.folder("moved")];
    for (const folder of [source, moveTo]) await chmod(folder, 0o777);
    const file = join(source, "report.csv");
    const writer = openSync(file, "a");
    writeSync(writer, "the first half");
    const agent = await scene.uploader(source, {
      uploader: { after: "move", after_when: "acknowledged", move_to: moveTo },
      executable: await scene.executableForAll(),
      launcher: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
    });
    await agent.waitForLine(/report\.csv: moved to/);
    writeSync(writer, " and the second");
    await agent.waitForLine(/report\.csv: it was written to after it was moved away; it was put back/);
    closeSync(writer);
    await waitUntil("both are sent", async () => (await versions(scene, "report.csv")).length === 2);
    expect((await versions(scene, "report.csv")).at(-1)).toBe("the first half and the second");
  },
);

test("--once ends with 1 when a file is never closed, and sends the others", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await mkdir(join(source, "deep"));
  await writeFile(join(source, "deep/a.txt"), "a");
  const writer = openSync(join(source, "log.txt"), "a");
  writeSync(writer, "not finished");
  const agent = await scene.uploader(source, { args: ["--once"] });
  expect(await agent.waitForExit()).toBe(1);
  closeSync(writer);
  expect(agent.output).toContain("log.txt: can't be sent: a program has it open for writing");
  expect(await versions(scene, "log.txt")).toEqual([]);
  expect(await versions(scene, "deep/a.txt")).toEqual(["a"]);
});

test("what takes the name of a file just before it is moved is put back, and sent", async () => {
  const { agent, scene, faults, source, moveTo } = await beforeMoving();
  await faults.takeNameOnRename("before", "another");
  await receive(scene, "a.txt");
  await agent.waitForLine(/a\.txt: it was changed or replaced as it was being moved away; it was put back/);
  await waitUntil("both versions are sent", async () => (await versions(scene, "a.txt")).length === 2);
  expect(await versions(scene, "a.txt")).toEqual(["sent", "another"]);
  expect(await readFile(join(source, "a.txt"), "utf8")).toBe("another");
  expect(existsSync(join(moveTo, "a.txt"))).toBe(false);
});

test("what can't be put back as its name is taken again is said, and nothing is replaced", async () => {
  const { agent, scene, faults, source, moveTo } = await beforeMoving();
  await faults.takeNameOnRename("before", "another");
  await faults.takeNameOnRename("after", "a third");
  await receive(scene, "a.txt");
  await agent.waitForLine(/a\.txt: it was changed or replaced .* what was not sent is at .*\/a\.txt now/);
  await agent.waitForLine(/a\.txt: 7 bytes, creating/);
  expect(await readFile(join(source, "a.txt"), "utf8")).toBe("a third");
  expect(await readFile(join(moveTo, "a.txt"), "utf8")).toBe("another");
});

async function beforeMoving() {
  const scene = await openScene();
  const [source, moveTo] = [await scene.folder("source"), await scene.folder("moved")];
  const faults = await Faults.make(await scene.folder("faults"));
  await writeFile(join(source, "a.txt"), "sent");
  const agent = await scene.uploader(source, {
    uploader: { after: "move", move_to: moveTo, after_groups: ["hub"] },
    kafka: { ledger_partitions: 1 },
    env: faults.env,
  });
  await agent.waitForLine(/a\.txt: successfully processed/);
  return { agent, scene, faults, source, moveTo };
}

interface Entry {
  version: number;
  size: number;
  checksum: string;
}

async function entryOf(scene: Scene, path: string): Promise<Entry> {
  const ledger = await (await scene.kafka()).readAll(scene.ledger);
  return compacted(ledger).get(`file/uploader/${path}`) as Entry;
}

/** The group "hub" has what the ledger has as sent. */
async function receive(scene: Scene, path: string): Promise<void> {
  const entry = await waitUntil("the ledger has it", () => entryOf(scene, path).catch(() => undefined));
  const id = { uploader: "uploader", path, version: entry.version };
  await (await scene.kafka()).produce(scene.ledger, [delivered("hub", id, entry)]);
}

/** The contents of a path, in the order in which they were sent. */
async function versions(scene: Scene, path: string): Promise<string[]> {
  const records = await (await scene.kafka()).readAll(scene.topic);
  return records
    .filter((record) => record.key.endsWith(path) && headerOf(record, "abandoned") === undefined)
    .map(({ value }) => String(value));
}
