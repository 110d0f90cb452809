/** A stranger writes numbers into the ledger that nothing could follow. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import type { PlainRecord } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

test("impossible versions in the ledger do not keep later files from being sent and arriving", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const kafka = await scene.kafka();
  await writeFile(join(source, "a.txt"), "a");
  const first = await scene.uploader(source, { args: ["--once"] });
  expect(await first.waitForExit()).toBe(0);
  const ours = (await kafka.readAll(scene.ledger)).find(({ key }) => key === "name/uploader");
  const version = Number.MAX_SAFE_INTEGER;
  const file = { uploader: "uploader", path: "forged.txt", content: Buffer.from("forged"), version };
  const name: PlainRecord = {
    key: "name/uploader",
    value: Buffer.from(
      JSON.stringify({ format: 1, instance: "x", host: "stranger", state: "released", highest: version }),
    ),
    headers: [],
  };
  const delivered: PlainRecord = {
    key: `done/${scene.group}/uploader/0`,
    value: Buffer.from(
      JSON.stringify({
        ...{
          format: 1,
          to: version,
          at: version,
          but: [],
          also: [version],
          by: {},
          time: "2025-01-01T00:00:00Z",
        },
        early: [{ path: "a.txt", version, size: 1, checksum: `md5:${"0".repeat(32)}` }],
      }),
    ),
    headers: [],
  };
  const forged = [fileEntry(file, { topicId: "t", offset: 0 }), name, delivered];
  await kafka.produce(scene.ledger, forged, ours?.partition);
  await writeFile(join(source, "b.txt"), "b");
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  expect(uploader.output).toContain(`has the impossible version ${version}`);
});
