/** From this version to the one before, and forth again: either role, in the middle of a file, with the ledger that this one wrote. */
import { beforeAll, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, leftovers, listFiles } from "../support/compare.ts";
import {
  earlierExecutable,
  entriesOf,
  identities,
  ledgerOf,
  prepareTree,
  presentKeys,
  recordCount,
  sentVersions,
  slowBytes,
  slowly,
  stop,
} from "../support/earlier.ts";
import { headerOf } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const files = randomTree(72, { count: 10, levels: 2, maxBytes: 100_000 });
let executable: string;

beforeAll(async () => {
  executable = await earlierExecutable();
}, 600_000);

const prepare = async () => prepareTree(await openScene(), files);

test("an uploader in the middle of a file: all is sent once more, as newer versions, and the ledger of this version stays", async () => {
  const { scene, source, output, received } = await prepare();
  const downloader = await scene.downloader(output);
  const present = await scene.uploader(source, { uploader: slowly });
  await expectSameTree(source, received, [present, downloader]);
  await writeLargeFile(join(source, "video.avi"), slowBytes);
  await downloader.waitForLine(/video\.avi \(00020\/00080\)/);
  await stop(present);
  const before = entriesOf(/^files\//, await ledgerOf(scene));
  expect(before).not.toEqual([]);

  const earlier = await scene.uploader(source, { executable, uploader: slowly });
  await expectSameTree(source, received, [earlier, downloader]);
  await stop(earlier);
  const sent = await sentVersions(scene);
  expect([...sent.keys()].sort()).toEqual([...files.map(({ path }) => path.toString()), "video.avi"].sort());
  for (const [path, versions] of sent) {
    expect([path, versions.length]).toEqual([path, 2]);
    expect(versions).toEqual(versions.toSorted((one, other) => one - other));
  }
  expect(entriesOf(/^files\//, await ledgerOf(scene))).toEqual(before);

  // Forth again: its own ledger says what it has sent, and the group's marks what of that has arrived since.
  const again = await scene.uploader(source, { args: ["--once"] });
  expect(await again.waitForExit()).toBe(0);
  const records = await recordCount(scene);
  const once = await scene.uploader(source, { args: ["--once"] });
  expect(await once.waitForExit()).toBe(0);
  expect(await recordCount(scene)).toBe(records);
  await expectSameTree(source, received, [downloader]);
  await stop(downloader);
  expect(await leftovers(output)).toEqual([]);
});

test("a downloader in the middle of a file: it is got whole, and what came meanwhile is stored once more", async () => {
  const { scene, source, output, received } = await prepare();
  const uploader = await scene.uploader(source, { executable, uploader: slowly });
  const first = await scene.downloader(output, { executable });
  await expectSameTree(source, received, [uploader, first]);
  await stop(first);
  const stored = await identities(received);
  const present = await scene.downloader(output);
  await writeFile(join(source, "meanwhile.txt"), "stored by the present downloader");
  await present.waitForLine(/meanwhile\.txt: merge complete/);
  await writeLargeFile(join(source, "video.avi"), slowBytes);
  await present.waitForLine(/video\.avi \(00020\/00080\)/);
  await stop(present);
  expect(await leftovers(output)).not.toEqual([]);
  const before = entriesOf(presentKeys, await ledgerOf(scene));
  expect(before).not.toEqual([]);

  const earlier = await scene.downloader(output, { executable });
  await expectSameTree(source, received, [uploader, earlier]);
  await earlier.waitForLine(/meanwhile\.txt: merge complete/);
  await stop(earlier);
  const names = /^(meanwhile\.txt|video\.avi) .*\n/gm;
  const all = await identities(received);
  expect(all.replaceAll(names, "")).toBe(stored);
  expect(entriesOf(presentKeys, await ledgerOf(scene))).toEqual(before);
  expect((await sentVersions(scene)).get("video.avi")).toHaveLength(1);

  const forth = await scene.downloader(output, { args: ["--once"] });
  expect(await forth.waitForExit()).toBe(0);
  expect(await identities(received)).toBe(all);
  expect(await leftovers(output)).toEqual([]);
});

test("an uploader that is killed each time: no number is given twice", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  for (const [at, options] of [{}, { executable }, {}, { executable }, {}].entries()) {
    const agent = await scene.uploader(source, options);
    const names = [0, 1, 2].map((number) => `round-${at}-${number}.txt`);
    for (const name of names) await writeFile(join(source, name), `content of ${name}`);
    for (const name of names) await agent.waitForLine(new RegExp(`${name}: successfully processed`));
    await agent.kill();
  }
  const records = await (await scene.kafka()).readAll(scene.topic);
  const given = new Map<string, Set<string>>();
  for (const record of records) {
    const version = headerOf(record, "version") ?? "";
    given.getOrInsertComputed(version, () => new Set()).add(headerOf(record, "path") ?? "");
  }
  expect(given.size).toBeGreaterThanOrEqual(15);
  expect([...given].filter(([, paths]) => paths.size > 1)).toEqual([]);
  for (const versions of (await sentVersions(scene)).values())
    expect(versions).toEqual(versions.toSorted((one, other) => one - other));
});

test("what is sent by hand waits, for a downloader of the version before, for the next upgrade", async () => {
  const { scene, source, output } = await prepare();
  const topics = { topic: scene.topic, ledger: scene.ledger, ledger_partitions: 4 };
  const config = await scene.configuration({ name: "till", kafka: { brokers: scene.brokers, ...topics } });
  const first = await scene.downloader(output);
  await first.waitForLine(/downloader: brokers/);
  const sender = scene.agent(["send", `${source}/`, "--config", config]);
  expect(await sender.waitForExit()).toBe(0);
  await expectSameTree(source, join(output, "till"), [first]);
  await stop(first);
  const earlier = await scene.downloader(output, { executable });
  await writeFile(join(source, "by-hand.txt"), "sent by hand");
  const again = scene.agent(["send", join(source, "by-hand.txt"), "--config", config]);
  expect(await again.waitForExit()).toBe(0);
  await earlier.waitForLine(/header !beside\) is parked until this agent is upgraded/);
  await stop(earlier);
  const present = await scene.downloader(output);
  await expectSameTree(source, join(output, "till"), [present]);
});

test("after: delete: no source goes before a downloader of its uploader's version has said that it is stored", async () => {
  const { scene, source, output, received } = await prepare();
  const uploader = { after: "delete", after_groups: [scene.group] };
  // Stored by this version, and its uploader is killed before it hears of that.
  const present = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  await expectSameTree(source, received, [present, downloader]);
  await present.kill();
  const earlier = await scene.uploader(source, { executable, uploader });
  await writeFile(join(source, "back.txt"), "sent by the version before");
  await downloader.waitForLine(/back\.txt: merge complete/);
  await stop(downloader);
  // The marks are not for this uploader: all is still there, also by its own account.
  expect(await listFiles(source)).toHaveLength(files.length + 1);
  expect(earlier.output).not.toContain("deleted");

  const back = await scene.downloader(output, { executable });
  await waitUntil("the source is empty", async () => (await listFiles(source)).length === 0, {
    detail: () => [earlier, back].map((agent) => agent.report()).join("\n"),
  });
  for (const { path, content } of files)
    expect((await readFile(join(received, path.toString()))).equals(content)).toBe(true);
  expect(await readFile(join(received, "back.txt"), "utf8")).toBe("sent by the version before");
});
