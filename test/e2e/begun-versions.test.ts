/** Versions that strangers begin and never end: they take a bounded part of memory and disk, and hold back nobody's file. */
import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { md5sum } from "../support/compare.ts";
import { chunksOf, withHeader } from "../support/hand-made.ts";
import { Random } from "../support/random.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const forgedCount = 8000;

test("many versions that are only begun are bounded, and a file among them arrives", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  const output = await scene.folder("output");
  const content = new Random(1).bytes(300_000);
  const file = { uploader: "shop", path: "video.avi", content, chunkBytes: 100_000, topicId };
  const [first, second, last] = chunksOf(file);
  if (!first || !second || !last) throw new Error("three chunks");
  const [begun] = chunksOf({ ...file, path: "x", content: Buffer.alloc(20), chunkBytes: 10 });
  if (!begun) throw new Error("a chunk");
  const forged = Array.from({ length: forgedCount }, (_, at) => {
    const [uploader, path] = [`u${at % 5000}`, `${at}`];
    return withHeader(
      withHeader({ ...begun, key: `${uploader}/${path}` }, "uploader", uploader),
      "path",
      path,
    );
  });
  const half = forgedCount / 2;
  await kafka.produce(scene.topic, [first, ...forged.slice(0, half), second, ...forged.slice(half), last]);
  const downloader = await scene.downloader(output, { settings: { ...anyPort, log: { chunks: false } } });
  await downloader.waitForLine(/shop\/video\.avi: merge complete/);
  expect(await md5sum(join(output, "shop/video.avi"))).toBe(
    new Bun.CryptoHasher("md5").update(content).digest("hex"),
  );
  await downloader.waitForLine(/WARN .*: put aside: too many files are under way at a time/);
  const partials = async () => (await readdir(join(output, ".streamsend/partial"))).length;
  // Each has a note beside it.
  await waitUntil("what was put aside is removed", async () => (await partials()) < 2 * 5500);
  await (await AgentHttp.of(downloader)).waitForReadiness(true);
});
