import { expect, test } from "bun:test";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("an uploader that stalls in the middle of a file holds back neither the others nor the group's position", async () => {
  const scene = await openScene();
  const [source, other] = [await scene.folder("source"), await scene.folder("other")];
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "video.avi"), 8 << 20);
  const slowly = { chunk: 65_536, rate: "2MB/s", in_flight: "512KiB" };
  const stalled = await scene.uploader(source, { uploader: slowly });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/video\.avi \(00020\/00128\)/);
  stalled.signal("SIGSTOP");
  await writeTree(other, randomTree(141, { count: 50, levels: 2, maxBytes: 50_000 }));
  const uploader = await scene.uploader(other, { name: "other" });
  await expectSameTree(other, join(output, "other"), [uploader, downloader]);
  const kafka = await scene.kafka();
  const [end] = await kafka.endOffsets(scene.topic);
  await waitUntil("the group's position is the end", async () => {
    const [committed] = await kafka.committedBy(scene.group, scene.topic);
    return committed === end;
  });
  stalled.signal("SIGCONT");
  await expectSameTree(source, join(output, "uploader"), [stalled, downloader]);
});

test("partitions that are added are read from their beginning", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic);
  const options = { kafka: { options: { "topic.metadata.refresh.interval.ms": "1000" } } };
  await writeTree(source, randomTree(142, { count: 10, levels: 2, maxBytes: 5_000 }));
  const first = await scene.uploader(source);
  const downloader = await scene.downloader(output, options);
  await expectSameTree(source, join(output, "uploader"), [first, downloader]);
  first.signal("SIGTERM");
  expect(await first.waitForExit()).toBe(0);
  await kafka.addPartitions(scene.topic, 4);
  await writeTree(source, randomTree(143, { count: 20, levels: 2, maxBytes: 5_000 }));
  const second = await scene.uploader(source);
  await expectSameTree(source, join(output, "uploader"), [second, downloader]);
  const used = (await kafka.endOffsets(scene.topic)).filter((end) => end > 0);
  expect(used).toHaveLength(4);
});
