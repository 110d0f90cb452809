import { expect, test } from "bun:test";
import { appendFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, leftovers } from "../support/compare.ts";
import { crashEverywhere, expectAllWell, type Scenario } from "../support/crash-points.ts";
import { request } from "../support/hand-made-ledger.ts";
import { sharedKafka } from "../support/kafka.ts";
import { compacted, headerOf, type ReadRecord } from "../support/records.ts";
import type { Scene, Settings } from "../support/scene.ts";
import { chunksOfPath, versionsNotedAsSent, versionsSent } from "../support/versions.ts";

const name = "pos-1";
const largeBytes = 66 << 20;

test("an uploader that crashes at any durable effect goes on from there, and sends nothing twice that it has noted", async () => {
  const { bootstrap } = await sharedKafka();
  expectAllWell(await crashEverywhere(bootstrap, filesAreSent, 6));
}, 3_600_000);

async function filesAreSent(scene: Scene): Promise<Scenario> {
  const kafka = await scene.kafka();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const at = (path: string) => join(source, path);
  const start = (options: object, uploader: Settings = {}) =>
    scene.uploader(source, {
      ...options,
      name,
      args: ["--once"],
      kafka: { ledger_partitions: 1 },
      // What is sent twice is little for the broker to keep.
      uploader: { compression: "zstd", ...uploader },
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
          const asked = request(scene.group, { uploader: name, path: "video.avi", version }, [[10, 50_000]]);
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
