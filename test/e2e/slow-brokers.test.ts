/** Three brokers behind poor links: slow is not dead. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Cluster, clusterStartMs } from "../support/cluster.ts";
import { md5sum } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { Toxiproxy } from "../support/toxiproxy.ts";
import { writeLargeFile } from "../support/tree.ts";

const openScene = useScenes(async () => cluster.bootstrap);
setDefaultTimeout(600_000);

/** 128 kbit/s each. */
const bytesPerSecond = 16 * 1024;
const bytes = 1_000_000;
let proxy: Toxiproxy;
let cluster: Cluster;
let slowBrokers: string[];

beforeAll(async () => {
  proxy = await Toxiproxy.start();
  const links = await Promise.all([1, 2, 3].map((number) => proxy.open(`slow-${number}`)));
  cluster = await Cluster.start(links);
  for (const link of links) await link.throttle(bytesPerSecond);
  await links[2]?.delay(2000, 1000);
  slowBrokers = links.map(({ port }) => `127.0.0.1:${port}`);
}, clusterStartMs);

afterAll(async () => {
  await proxy.stop();
  await cluster.stop();
});

test("large chunks are under way to brokers for a minute: none is taken for one that hangs, and each arrives at the first try", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const copies = { replication: 3, partitions: 3 };
  const settings = { "message.timestamp.type": "LogAppendTime" };
  await cluster.makeTopic(
    scene.topic,
    [
      [1, 2, 3],
      [2, 3, 1],
      [3, 1, 2],
    ],
    settings,
  );
  const names = ["large-0.bin", "large-2.bin"];
  for (const name of names) await writeLargeFile(join(source, name), bytes);
  const kafka = { ...copies, brokers: slowBrokers };
  const uploader = await scene.uploader(source, { kafka, uploader: { parallel: names.length } });
  const downloader = await scene.downloader(output, { kafka: copies });
  for (const name of names) {
    await downloader.waitForLine(new RegExp(`${name}: merge complete`), 500_000);
    expect(await md5sum(join(output, "uploader", name))).toBe(await md5sum(join(source, name)));
  }
  const records = await (await scene.kafka()).readAll(scene.topic);
  expect(new Set(records.map(({ partition }) => partition)).size).toBeGreaterThan(1);
  expect(records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)).toBe(names.length * bytes);
  expect(uploader.output).not.toContain("does not answer");
});
