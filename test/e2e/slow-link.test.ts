import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { md5sum } from "../support/compare.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { useScenes } from "../support/scene.ts";
import { Toxiproxy } from "../support/toxiproxy.ts";
import { writeLargeFile } from "../support/tree.ts";

const openScene = useScenes(async () => kafka.bootstrap);
setDefaultTimeout(400_000);

let proxy: Toxiproxy;
let kafka: Kafka;
let slowBrokers: string;

beforeAll(async () => {
  proxy = await Toxiproxy.start();
  const link = await proxy.open("slow");
  kafka = await startKafkaBehind([link]);
  await link.throttle(16 * 1024);
  slowBrokers = `127.0.0.1:${link.port}`;
});

afterAll(async () => {
  await proxy.stop();
  await kafka.stop();
});

test("on a link of 128 kbit/s a file of 1 MB arrives, and is sent only once", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "large.bin"), 1_000_000);
  await scene.uploader(source, { kafka: { brokers: slowBrokers } });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/large\.bin: merge complete/, 300_000);
  expect(await md5sum(join(output, "uploader/large.bin"))).toBe(await md5sum(join(source, "large.bin")));
  // On such a link a chunk that is given up and sent again would be sent for ever.
  const records = await (await scene.kafka()).readAll(scene.topic);
  expect(records.reduce((sum, record) => sum + (record.value?.length ?? 0), 0)).toBe(1_000_000);
});
