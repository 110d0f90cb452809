/** One group asks for much: others' requests, and new files, have their turn meanwhile. The groups' parts are played by hand. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "../support/hand-made-ledger.ts";
import { compacted } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const largeBytes = 80_000_000;
const mineBytes = 3_000_000;

test("while a large file is sent again as a stranger asks for it, a group's own request and a new file do not wait for its end", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const source = await scene.folder("source");
  await writeLargeFile(join(source, "large.bin"), largeBytes);
  await writeLargeFile(join(source, "mine.bin"), mineBytes);
  const start = (args: readonly string[], uploader = {}) =>
    scene.uploader(source, {
      args,
      uploader: { parallel: 1, after_groups: ["hub"], ...uploader },
      kafka: { ledger_partitions: 1 },
    });
  expect(await (await start(["--once"])).waitForExit()).toBe(0);
  const entries = compacted(await kafka.readAll(scene.ledger));
  const ask = (group: string, path: string, bytes: number) => {
    const { version } = entries.get(`file/uploader/${path}`) as { version: number };
    return kafka.produce(scene.ledger, [
      request(group, { uploader: "uploader", path, version }, [[0, bytes]]),
    ]);
  };
  const agent = await start([], { rate: "8MB/s" });
  await ask("stranger", "large.bin", largeBytes);
  await agent.waitForLine(/large\.bin: sending \d+ bytes of version \d+ again/);
  await ask("hub", "mine.bin", mineBytes);
  await writeLargeFile(join(source, "new.bin"), mineBytes);
  await agent.waitForLine(/large\.bin: \d+ bytes of version \d+ were sent again/);
  const ends = agent.messages.filter((one) => /were sent again|successfully processed/.test(one));
  expect(ends.map((one) => one.split(":")[0])).toEqual(
    expect.arrayContaining(["mine.bin", "new.bin", "large.bin"]),
  );
  expect(ends.at(-1)).toStartWith("large.bin");
  // Each was sent once, though one of them was interrupted.
  const sent = (await kafka.readAll(scene.topic)).filter(({ key }) => key === "uploader/large.bin");
  const bytes = sent.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  expect(bytes).toBe(2 * largeBytes);
});

test("made-up groups that ask for everything do not keep a group's own request waiting for all of theirs", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const source = await scene.folder("source");
  const paths = Array.from({ length: 400 }, (_, at) => `file-${at}.txt`);
  await Promise.all(paths.map((path) => writeFile(join(source, path), path)));
  await writeFile(join(source, "mine.txt"), "mine");
  const start = (args: readonly string[], uploader = {}) =>
    scene.uploader(source, {
      args,
      uploader: { after_groups: ["hub"], ...uploader },
      kafka: { ledger_partitions: 1 },
    });
  expect(await (await start(["--once"])).waitForExit()).toBe(0);
  const entries = compacted(await kafka.readAll(scene.ledger));
  const ask = (group: string, path: string) => {
    const { version } = entries.get(`file/uploader/${path}`) as { version: number };
    return request(group, { uploader: "uploader", path, version }, [[0, 1]]);
  };
  await kafka.produce(scene.ledger, [
    ...paths.map((path, at) => ask(`made-up-${at}`, path)),
    ask("hub", "mine.txt"),
  ]);
  const agent = await start([]);
  const order = () => agent.messages.filter((one) => one.includes("were sent again"));
  await waitUntil("all are sent again", () => order().length === 401, { detail: () => agent.report() });
  expect(order().findIndex((one) => one.startsWith("mine.txt"))).toBeLessThan(100);
});
