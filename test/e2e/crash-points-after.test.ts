import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listFiles } from "../support/compare.ts";
import { crashEverywhere, expectAllWell, type Scenario, type Step } from "../support/crash-points.ts";
import { sharedKafka } from "../support/kafka.ts";
import { compacted } from "../support/records.ts";
import type { Scene, Settings } from "../support/scene.ts";
import { versionsNotedAsSent, versionsSent } from "../support/versions.ts";

const name = "pos-1";
const deleted = ["a.txt", "folder/b.txt"];
const moved = ["c.txt", "folder/d.txt"];

test("an uploader that crashes while it deletes or moves what is delivered ends that, and loses nothing", async () => {
  const { bootstrap } = await sharedKafka();
  expectAllWell(await crashEverywhere(bootstrap, sourcesGo, 5));
}, 3_600_000);

async function sourcesGo(scene: Scene): Promise<Scenario> {
  const kafka = await scene.kafka();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const moveTo = join(await scene.folder("moved"), "sent");
  const write = async (paths: readonly string[]) => {
    for (const path of paths) {
      await mkdir(dirname(join(source, path)), { recursive: true });
      await writeFile(join(source, path), `the content of ${path}`);
    }
  };
  /** With `--once` it waits until all of it is delivered and dealt with. */
  const step = (paths: readonly string[], after: Settings, prepare?: () => Promise<unknown>): Step => ({
    arrange: async () => {
      await write(paths);
      await prepare?.();
    },
    start: (options) =>
      scene.uploader(source, {
        ...options,
        name,
        args: ["--once"],
        kafka: { ledger_partitions: 1 },
        uploader: { ...after, after_groups: [scene.group] },
      }),
    afterCrash: async () => {
      for (const path of paths) {
        if (existsSync(join(source, path))) continue;
        expect(await readFile(join(output, name, path), "utf8")).toBe(`the content of ${path}`);
      }
    },
    exitCode: 0,
  });
  return {
    steps: [
      step(deleted, { after: "delete" }, () => scene.downloader(output, { kafka: { ledger_partitions: 1 } })),
      step(moved, { after: "move", move_to: moveTo }),
    ],
    verify: async () => {
      expect(await listFiles(source)).toEqual([]);
      const names = async (folder: string) => (await listFiles(folder)).map((line) => line.split(" ")[0]);
      expect(await names(moveTo)).toEqual(moved);
      expect(await names(join(output, name))).toEqual([...deleted, ...moved].sort());
      const ledger = await kafka.readAll(scene.ledger);
      const chunks = await kafka.readAll(scene.topic);
      for (const path of [...deleted, ...moved]) {
        expect(await readFile(join(output, name, path), "utf8")).toBe(`the content of ${path}`);
        expect(compacted(ledger).get(`file/${name}/${path}`)).toMatchObject({ state: "gone" });
        // Once more at most: it may have been sent without the ledger having it when the crash came.
        expect(versionsSent(chunks, path).size).toBeLessThanOrEqual(2);
        expect(versionsNotedAsSent(ledger, name, path).size).toBe(1);
      }
      for (const path of moved)
        expect(await readFile(join(moveTo, path), "utf8")).toBe(`the content of ${path}`);
    },
  };
}
