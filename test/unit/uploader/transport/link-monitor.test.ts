import { expect, test } from "bun:test";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { ChunkSize } from "../../../../agent/uploader/transport/chunk-size.ts";
import { LinkMonitor } from "../../../../agent/uploader/transport/link-monitor.ts";

const file = { uploader: "till", path: "video.avi" };
const none = new Set<string>();
const once = new Set(["broker"]);

function play() {
  const limits: number[] = [];
  const producer = {
    batchBytes: 1_048_588,
    isIdle: false,
    limitLink: async (bytes: number) => {
      limits.push(bytes);
    },
  };
  const chunkSize = new ChunkSize(800_000, 1_048_588);
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const stop = new AbortController();
  const link = new LinkMonitor({ producer, trust: chunkSize.link, log, signal: stop.signal });
  const stall = async () => {
    chunkSize.sent(0, 800_000);
    await link.look(none);
    for (let left = 4; left > 0; left--) await link.look(once);
  };
  return { chunkSize, producer, limits, link, stall, stop };
}

test("when chunks do not get across, they and batches become smaller, also those under way", async () => {
  const { chunkSize, limits, stall } = play();
  await stall();
  expect(chunkSize.next(file)).toBe(200_000);
  expect(limits).toEqual([200_000]);
});

test("when the link carries them, chunks become larger at once, batches when nothing is under way", async () => {
  const { chunkSize, producer, limits, link, stall } = play();
  await stall();
  chunkSize.ended(0, 800_000, false);
  for (let left = 8; left > 0; left--) {
    chunkSize.sent(0, 200_000);
    chunkSize.ended(0, 200_000, true);
  }
  await link.look(none);
  expect(chunkSize.next(file)).toBe(800_000);
  expect(limits).toEqual([200_000]);
  producer.isIdle = true;
  await link.look(none);
  await link.look(none);
  expect(limits).toEqual([200_000, Number.POSITIVE_INFINITY]);
});

test("a chunk that was made before they became smaller does not stay under way for ever", async () => {
  const { chunkSize, limits, stall } = play();
  await stall();
  chunkSize.ended(0, 800_000, false);
  // Read already when the producer was made anew.
  await stall();
  expect(chunkSize.next(file)).toBe(200_000);
  expect(limits).toEqual([200_000, 200_000]);
});

test("nothing under way is begun again during a stop", async () => {
  const { limits, stall, stop } = play();
  stop.abort();
  await stall();
  expect(limits).toEqual([]);
});

test("a stop while the producer is made anew is no error of its own", async () => {
  const { producer, stall } = play();
  producer.limitLink = () => Promise.reject(new AgentError("no broker can be reached", "retryable"));
  await stall();
});
