import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { setInterval } from "node:timers/promises";
import { expectSameTree, md5sum } from "../support/compare.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { useScenes } from "../support/scene.ts";
import { type Link, Toxiproxy } from "../support/toxiproxy.ts";
import { writeLargeFile } from "../support/tree.ts";

const openScene = useScenes(async () => kafka.bootstrap);
const longestMs = 1_200_000;
/** 128 kbit/s. */
const bytesPerSecond = 16 * 1024;
/** In this time a third of a chunk of the usual size gets across. */
const cutEveryMs = 20_000;
let proxy: Toxiproxy;
let link: Link;
let kafka: Kafka;
let poorBrokers: string;

setDefaultTimeout(longestMs);

beforeAll(async () => {
  proxy = await Toxiproxy.start();
  link = await proxy.open("poor");
  kafka = await startKafkaBehind([link]);
  poorBrokers = `127.0.0.1:${link.port}`;
});

afterAll(async () => {
  await proxy.stop();
  await kafka.stop();
});

test("a link of 128 kbit/s that breaks every 20 s carries a large file and a small one", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  // The second chunk, as large as the first, waits for the window meanwhile, as in any file that is larger than that.
  const uploader = await scene.uploader(source, {
    kafka: { brokers: poorBrokers },
    uploader: { in_flight: "1MiB" },
  });
  const downloader = await scene.downloader(output);
  await link.throttle(bytesPerSecond);
  const cutting = new AbortController();
  const cut = cutAgainAndAgain(cutting.signal);
  try {
    await writeLargeFile(join(source, "video.avi"), 3_000_000);
    await uploader.waitForLine(
      /the connection was lost again and again before a chunk was across/,
      longestMs,
    );
    await writeLargeFile(join(source, "note.txt"), 1000);
    for (const name of ["note.txt", "video.avi"]) {
      await downloader.waitForLine(new RegExp(`${name}: merge complete`), longestMs);
      expect(await md5sum(join(output, "uploader", name))).toBe(await md5sum(join(source, name)));
    }
  } finally {
    cutting.abort();
    await cut;
  }
  await link.mend();
  await writeLargeFile(join(source, "longer.avi"), 20_000_000);
  await uploader.waitForLine(/the link carries chunks of any size again/, longestMs);
  await writeLargeFile(join(source, "large.avi"), 2_000_000);
  await uploader.waitForLine(/large\.avi: \(00002 of 00002\) chunk uploaded/);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const sizes = (await (await scene.kafka()).readAll(scene.topic)).map((record) => record.value?.length ?? 0);
  expect(sizes[0]).toBeLessThan(300_000);
  expect(Math.max(...sizes.slice(-2))).toBeGreaterThan(1_000_000);
});

async function cutAgainAndAgain(signal: AbortSignal): Promise<void> {
  for await (const _ of setInterval(cutEveryMs)) {
    if (signal.aborted) return;
    await link.interrupt();
  }
}
