import { expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { differences } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";

const openScene = useScenes();
const mebibyte = 1 << 20;
/** 1 GB; the promise is the same for any size. */
const fileBytes = Number(process.env.STREAMSEND_LARGE_FILE_BYTES ?? 1_000_000_000);
const timeoutMs = 120_000 + fileBytes / 10_000;

test(
  "the memory of both sides stays small at full speed, whatever the file's size",
  async () => {
    const scene = await openScene();
    const kafka = await scene.kafka();
    const source = await scene.folder("source");
    const output = await scene.folder("output");
    const peaks = new Map<string, number>();
    for (const [name, bytes] of [
      ["100mb.bin", 100_000_000],
      ["large.bin", fileBytes],
    ] as const) {
      await writeLargeFile(join(source, name), bytes);
      const settings = { log: { chunks: false } };
      const uploader = await scene.uploader(source, { settings });
      const downloader = await scene.downloader(output, { settings });
      await downloader.waitForLine(new RegExp(`${name}: merge complete`), timeoutMs);
      peaks.set(`uploader ${name}`, uploader.peakMemoryBytes());
      peaks.set(`downloader ${name}`, downloader.peakMemoryBytes());
      expect(await differences(source, join(output, "uploader"))).toBe("");
      await Promise.all([uploader, downloader].map((agent) => agent.kill()));
      await rm(join(source, name));
      await rm(join(output, "uploader", name));
    }
    await kafka.deleteTopic(scene.topic);
    const peak = (what: string) => (peaks.get(what) ?? Number.NaN) / mebibyte;
    // Seen: 74 to 78 and 75 to 79; other tests run beside this one.
    expect(peak("uploader large.bin")).toBeLessThan(84);
    expect(peak("downloader large.bin")).toBeLessThan(86);
    expect(peak("uploader large.bin")).toBeLessThan(peak("uploader 100mb.bin") + 10);
    expect(peak("downloader large.bin")).toBeLessThan(peak("downloader 100mb.bin") + 10);
  },
  timeoutMs,
);

test("16,000 watched folders cost a few hundred bytes each", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  for (let at = 0; at < 16_000; at++) await mkdir(join(source, `folder-${at}`));
  const uploader = await scene.uploader(source, { uploader: { rescan: "1h" } });
  await writeFile(join(source, "first"), "first");
  await uploader.waitForLine(/first: successfully processed/);
  for (const at of [0, 15_999]) {
    await writeFile(join(source, `folder-${at}`, "file"), "content");
    await uploader.waitForLine(new RegExp(`folder-${at}/file: successfully processed`));
  }
  expect(uploader.peakMemoryBytes() / mebibyte).toBeLessThan(110);
});
