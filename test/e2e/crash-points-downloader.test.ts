import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { leftovers, listFiles } from "../support/compare.ts";
import { crashEverywhere, expectAllWell, type Run, type Scenario } from "../support/crash-points.ts";
import { chunkAt, chunksOf, type HandMadeFile, handMadeVersion, withHeader } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { sharedKafka } from "../support/kafka.ts";
import { Random } from "../support/random.ts";
import { compacted, type PlainRecord } from "../support/records.ts";
import type { Scene } from "../support/scene.ts";

const uploader = "pos-1";
const random = new Random(11);

test("a downloader that crashes at any durable effect delivers every version once", async () => {
  const { bootstrap } = await sharedKafka();
  expectAllWell(await crashEverywhere(bootstrap, filesArrive, 10));
}, 3_600_000);

async function filesArrive(scene: Scene): Promise<Scenario> {
  const kafka = await scene.kafka();
  const output = await scene.folder("output");
  await kafka.createTopic(scene.topic);
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  const file = (path: string, bytes: number, more: Partial<HandMadeFile> = {}): HandMadeFile => ({
    uploader,
    path,
    content: random.bytes(bytes),
    topicId,
    ...more,
  });
  const first = file("note.txt", 500);
  const second = file("note.txt", 700, { version: handMadeVersion + 1, attributes: { store: "1" } });
  const several = file("deep/er/several.bin", 30_000, { chunkBytes: 4000, attributes: { store: "2" } });
  const givenUp = file("given-up.bin", 5000, { chunkBytes: 3000 });
  const empty = file("empty.txt", 0);
  const broken = file("broken.bin", 9000, { chunkBytes: 5000 });
  let end = 0;
  let newerAt = 0;
  const send = async (records: readonly PlainRecord[]) => {
    await kafka.produce(scene.topic, records);
    end += records.length;
  };
  const noteSent = (sent: HandMadeFile, from = 0) =>
    kafka.produce(scene.ledger, [
      fileEntry(sent, { topicId, offset: end - 1, from: `${topicId} 0@${from}` }),
    ]);
  const start = (options: object) =>
    scene.downloader(output, {
      ...options,
      args: ["--once"],
      kafka: { ledger_partitions: 1 },
      downloader: { on_change: "keep-both", events: { topic: `${scene.topic}.events` } },
    });
  return {
    steps: [
      {
        arrange: async () => {
          await send(chunksOf(several).slice(0, 5));
          await send(chunksOf(givenUp).slice(0, 1));
          newerAt = end;
          await send([withHeader(chunkAt(file("newer.bin", 10), 0, Buffer.alloc(10)), "streamsend", "2")]);
          await send(chunksOf(first));
          await noteSent(first);
        },
        start,
        exitCode: 1,
      },
      {
        arrange: async () => {
          await send(chunksOf(several).slice(5));
          await noteSent(several);
          await send([abandoned(givenUp)]);
          await send(chunksOf(second));
          await noteSent(second);
          await send(chunksOf(empty));
          await noteSent(empty);
          const from = end;
          await send(withWrongBytes(broken));
          await noteSent(broken, from);
        },
        start,
        exitCode: 1,
      },
      {
        arrange: async () => {
          await send(chunksOf(broken));
          await noteSent(broken);
        },
        start,
        exitCode: 1,
      },
    ],
    verify: async (runs) => {
      const folder = join(output, uploader);
      const wanted = {
        "note.txt": second,
        [`note.~${handMadeVersion}~.txt`]: first,
        "deep/er/several.bin": several,
        "empty.txt": empty,
        "broken.bin": broken,
      };
      const names = (await listFiles(folder)).map((line) => line.split(" ")[0]);
      expect(names).toEqual(Object.keys(wanted).sort());
      for (const [path, { content }] of Object.entries(wanted))
        expect(content.equals(await readFile(join(folder, path)))).toBe(true);
      expect(publications(runs, folder)).toEqual(
        [first, second, several, empty, broken].map(({ path }) => path).sort(),
      );
      const quarantined = /^\.streamsend\/quarantine\/\d+-[0-9a-f]+$/;
      expect((await leftovers(output)).sort()).toEqual([
        ".streamsend/parked.json",
        expect.stringMatching(quarantined),
      ]);
      const parked = await readFile(join(output, ".streamsend/parked.json"), "utf8");
      expect(JSON.parse(parked)).toMatchObject([{ partition: 0, from: newerAt, to: newerAt + 1 }]);
      const events = await kafka.readAll(`${scene.topic}.events`);
      const told = new Set(events.map(({ value }) => JSON.parse(value?.toString() ?? "").id));
      expect([...told].sort()).toEqual(
        Object.values(wanted)
          .map(({ path, version = handMadeVersion }) => `${scene.group}/${uploader}/${version}/${path}`)
          .sort(),
      );
      const receipts = [...compacted(await kafka.readAll(scene.ledger))]
        .filter(([key]) => !/^(file|start)\/|^layout$/.test(key))
        .map(([key, value]) => [key, (value as Partial<HandMadeFile>).attributes]);
      expect(receipts.sort()).toEqual(
        [second, several, empty, broken]
          .map(({ path, version, attributes }) => [
            `delivered/${scene.group}/${uploader}/${version ?? handMadeVersion}/${path}`,
            attributes,
          ])
          .sort(),
      );
      expect(await kafka.committedBy(scene.group, scene.topic)).toEqual([end]);
    },
  };
}

/** Where versions were given their names, one entry a rename, sorted. */
function publications(runs: readonly Run[], folder: string): string[] {
  const pattern = /^rename: ".*\/\.streamsend\/partial\/[^/]+ to (.*)"$/;
  return runs
    .flatMap(({ effects }) => effects)
    .flatMap((effect) => pattern.exec(effect)?.[1] ?? [])
    .flatMap((place) => (place.startsWith(`${folder}/`) ? [place.slice(folder.length + 1)] : []))
    .sort();
}

function abandoned({ uploader, path, version = handMadeVersion }: HandMadeFile): PlainRecord {
  const headers = [
    { streamsend: "1" },
    { uploader },
    { path },
    { version: String(version) },
    { abandoned: "changed" },
  ];
  return { key: `${uploader}/${path}`, value: Buffer.alloc(0), headers };
}

/** Its checksum and its CRCs say nothing is wrong with each chunk; the whole is not what was sent. */
function withWrongBytes(file: HandMadeFile): PlainRecord[] {
  const other = chunksOf({ ...file, content: random.bytes(file.content.length) });
  return [...other.slice(0, 1), ...chunksOf(file).slice(1)];
}
