import { expect, test } from "bun:test";
import { appendFile, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, leftovers } from "../support/compare.ts";
import {
  crashableExecutable,
  crashEverywhere,
  expectAllWell,
  type Scenario,
} from "../support/crash-points.ts";
import { request } from "../support/hand-made-ledger.ts";
import { sharedKafka } from "../support/kafka.ts";
import { compacted, headerOf, type ReadRecord } from "../support/records.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";
import { chunksOfPath, versionsNotedAsSent, versionsSent } from "../support/versions.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const name = "pos-1";
const largeBytes = 66 << 20;

test("an uploader that crashes at any durable effect goes on from there, and sends nothing twice that it has noted", async () => {
  const { bootstrap } = await sharedKafka();
  expectAllWell(await crashEverywhere(bootstrap, filesAreSent, 6));
}, 3_600_000);

test("a file that arrived, of an uploader that was killed before it noted it as sent, is not sent again", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(source, "note.txt"), "once");
  const downloader = await scene.downloader(output, { kafka: { ledger_partitions: 1 } });
  const stored = async () => [...compacted(await kafka.readAll(scene.ledger).catch(() => [])).keys()];
  await waitUntil("the ledger's layout is written", async () => (await stored()).includes("layout"));
  // The first record is its claim of the name, the second one leases versions, the third one says that the file is sent.
  const env = { AGENT_CRASH_AT: "3:before" };
  const from = (store: string) => ({ watch: [{ path: source, attributes: { store } }] });
  const crashing = await scene.uploader(source, {
    executable: crashableExecutable,
    env,
    uploader: from("before"),
  });
  await downloader.waitForLine(/note\.txt: merge complete/);
  await crashing.waitForExit();
  await waitUntil("the group has said so", async () =>
    (await stored()).some((key) => key.startsWith("delivered/")),
  );
  expect(await stored()).not.toContain("file/uploader/note.txt");
  const startAgain = () => scene.uploader(source, { args: ["--once"], uploader: from("after") });
  expect(await (await startAgain()).waitForExit()).toBe(0);
  expect(versionsSent(await kafka.readAll(scene.topic), "note.txt").size).toBe(1);
  const entry = compacted(await kafka.readAll(scene.ledger)).get("file/uploader/note.txt");
  // With those that it was sent with, also when it is sent again.
  expect(entry).toMatchObject({ state: "sent", attributes: { store: "before" } });
  const { version } = entry as { version: number };
  const asked = request("mirror", { uploader: "uploader", path: "note.txt", version }, [[0, 4]]);
  await kafka.produce(scene.ledger, [asked]);
  expect(await (await startAgain()).waitForExit()).toBe(0);
  const sent = chunksOfPath(await kafka.readAll(scene.topic), "note.txt");
  expect(sent.map((record) => headerOf(record, "attributes"))).toEqual(Array(2).fill('{"store":"before"}'));
  // What is not the same any more is another version.
  await writeFile(join(source, "note.txt"), "twice");
  expect(await (await scene.uploader(source, { args: ["--once"] })).waitForExit()).toBe(0);
  const target = join(output, "uploader/note.txt");
  await waitUntil("it has arrived", async () => (await readFile(target, "utf8")) === "twice");
  await expectSameTree(source, join(output, "uploader"), [downloader]);
});

async function filesAreSent(scene: Scene): Promise<Scenario> {
  const kafka = await scene.kafka();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const at = (path: string) => join(source, path);
  let starts = 0;
  const start = (options: object, uploader: Settings = {}) =>
    scene.uploader(source, {
      ...options,
      name,
      args: ["--once"],
      kafka: { ledger_partitions: 1 },
      uploader: {
        // What is sent twice is little for the broker to keep.
        compression: "zstd",
        watch: [{ path: source, attributes: { start: String(starts++) } }],
        ...uploader,
      },
    });
  let changed = false;
  const change = async () => {
    if (!changed) await appendFile(at("changing.bin"), "more");
    changed = true;
  };
  return {
    steps: [
      {
        arrange: async () => {
          await writeFile(at("note.txt"), "first");
          await writeFile(at("gone.txt"), "gone");
          await writeFile(at("video.avi"), largeContent());
        },
        start,
        exitCode: 0,
      },
      {
        arrange: async () => {
          await writeFile(at("note.txt"), "second");
          await unlink(at("gone.txt"));
          const { version } = compacted(await kafka.readAll(scene.ledger)).get(`file/${name}/video.avi`) as {
            version: number;
          };
          const asked = request(scene.group, { uploader: name, path: "video.avi", version }, [
            [10, 50_000],
            [largeBytes - 1, largeBytes],
          ]);
          await kafka.produce(scene.ledger, [asked]);
        },
        start,
        exitCode: 0,
      },
      {
        arrange: () => writeFile(at("changing.bin"), Buffer.alloc(4 * 65_536, "changing ")),
        start: (options) => start(options, { chunk: 65_536, in_flight: 65_536, rate: "200KB/s" }),
        meanwhile: async (agent) => {
          await agent.waitForLine(/changing\.bin: \(00001 of 00004\) chunk uploaded/).catch(() => undefined);
          await change();
        },
        exitCode: 0,
      },
    ],
    verify: async (runs) => {
      const downloader = await scene.downloader(output, {
        args: ["--once"],
        kafka: { ledger_partitions: 1 },
      });
      expect(await downloader.waitForExit()).toBe(0);
      await unlink(join(output, name, "gone.txt"));
      await expectSameTree(source, join(output, name), [downloader]);
      expect(await leftovers(output)).toEqual([]);
      const ledger = await kafka.readAll(scene.ledger);
      expect(compacted(ledger).get(`name/${name}`)).toMatchObject({ state: "released" });
      for (const [path, state, contents] of [
        ["note.txt", "sent", 2],
        ["gone.txt", "gone", 1],
        ["video.avi", "sent", 1],
        ["changing.bin", "sent", 1],
      ] as const) {
        expect(compacted(ledger).get(`file/${name}/${path}`)).toMatchObject({ state });
        // What is noted is never sent as another version.
        expect(versionsNotedAsSent(ledger, name, path).size).toBe(contents);
      }
      const chunks = await kafka.readAll(scene.topic);
      // The settings are others at each start, a version's attributes are not.
      for (const [version, sets] of attributesByVersion(chunks))
        expect([version, [...sets]]).toEqual([version, [expect.stringMatching(/^\{"start":"\d+"\}$/)]]);
      // Its beginning is noted before its first chunk is sent, so it goes on as the same version.
      expect(versionsSent(chunks, "video.avi").size).toBe(1);
      const crashes = runs.filter(({ crashed }) => crashed).length;
      expect(versionsSent(chunks, "note.txt").size).toBeLessThanOrEqual(2 + crashes);
      expect(wentBackTo(chunks, "video.avi")).toBeGreaterThanOrEqual(
        checkpointBeforeCrash(ledger, "video.avi"),
      );
    },
  };
}

/** As the records have them that end a file. */
function attributesByVersion(chunks: readonly ReadRecord[]): Map<string, Set<string | undefined>> {
  const ends = chunks.filter((record) => headerOf(record, "last") !== undefined);
  const byVersion = Map.groupBy(
    ends,
    (record) => `${headerOf(record, "path")} ${headerOf(record, "version")}`,
  );
  return new Map(
    [...byVersion].map(([version, records]) => [
      version,
      new Set(records.map((record) => headerOf(record, "attributes"))),
    ]),
  );
}

/** Compresses well, and each chunk of it is another one. */
function largeContent(): Buffer {
  const blocks = Array.from({ length: largeBytes >> 20 }, (_, at) => Buffer.alloc(1 << 20, `block ${at} `));
  return Buffer.concat(blocks);
}

/** Where in the file the sending went back to before the file was whole; infinity: it never did. */
function wentBackTo(chunks: readonly ReadRecord[], path: string): number {
  let next = 0;
  for (const record of chunksOfPath(chunks, path)) {
    const offset = Number(headerOf(record, "offset"));
    if (offset < next) return offset;
    if (headerOf(record, "last") !== undefined) break;
    next = offset + (record.value?.length ?? 0);
  }
  return Number.POSITIVE_INFINITY;
}

/** The acknowledged prefix that the ledger had when the second process took the name. */
function checkpointBeforeCrash(ledger: readonly ReadRecord[], path: string): number {
  let claims = 0;
  let acknowledged = 0;
  for (const { key, value } of ledger) {
    const entry = JSON.parse(value?.toString("utf8") ?? "{}") as { state?: string; acknowledged?: number };
    if (key === `name/${name}` && entry.state === "held" && ++claims === 2) break;
    if (key === `file/${name}/${path}`) acknowledged = entry.acknowledged ?? acknowledged;
  }
  return acknowledged;
}
