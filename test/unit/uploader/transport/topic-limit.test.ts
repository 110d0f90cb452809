import { expect, test } from "bun:test";
import { ConfigurationError } from "../../../../agent/lib/errors.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { ChunkSize } from "../../../../agent/uploader/transport/chunk-size.ts";
import { TopicLimit } from "../../../../agent/uploader/transport/topic-limit.ts";

/** A topic whose limit the test changes; what the agent knows of it changes when it looks. */
function prepare(limitBytes: number, ledgerBytes = 1_000_000) {
  const real = { name: "streamsend", maxMessageBytes: limitBytes };
  const topic = {
    value: { ...real, id: "x", partitions: 1, settings: new Map<string, string>() },
    refresh: async () => {
      topic.value = { ...topic.value, ...real };
    },
  };
  const batches: number[] = [];
  const producer = { limitBatches: async (bytes: number) => void batches.push(bytes) };
  const chunkSize = new ChunkSize("auto", limitBytes);
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const limit = new TopicLimit({ producer, topic, ledgerBytes, chunkSize, log });
  return { limit, chunkSize, batches, real, topic };
}

test("a refusal makes chunks and batches as large as the topic takes now", async () => {
  const { limit, chunkSize, batches, real } = prepare(1_000_000);
  real.maxMessageBytes = 60_000;
  await limit.shrink(1_000_000);
  expect(chunkSize.topicBytes).toBe(60_000);
  expect(batches).toEqual([60_000]);
});

test("a refusal that nothing explains halves them", async () => {
  const { limit, chunkSize } = prepare(1_000_000);
  await limit.shrink(1_000_000);
  expect(chunkSize.topicBytes).toBe(500_000);
});

test("a late refusal of what was made for the old limit changes nothing any more", async () => {
  const { limit, chunkSize, batches, real } = prepare(1_000_000);
  real.maxMessageBytes = 60_000;
  await Promise.all([limit.shrink(1_000_000), limit.shrink(1_000_000)]);
  await limit.shrink(1_000_000);
  expect(chunkSize.topicBytes).toBe(60_000);
  expect(batches).toEqual([60_000]);
});

test("batches fit the ledger too", async () => {
  const { limit, batches, real } = prepare(1_000_000, 50_000);
  real.maxMessageBytes = 60_000;
  await limit.shrink(1_000_000);
  expect(batches).toEqual([50_000]);
});

test("chunks become larger when the topic is said to take more than before, not after a refusal alone", async () => {
  const { limit, chunkSize, real, topic } = prepare(1_000_000);
  await limit.shrink(1_000_000);
  limit.rise();
  expect(chunkSize.topicBytes).toBe(500_000);
  real.maxMessageBytes = 2_000_000;
  await topic.refresh();
  limit.rise();
  expect(chunkSize.topicBytes).toBe(2_000_000);
});

test("a refusal of who knows what leaves chunks that can carry something, and the smallest one's is a mistake in the set-up", async () => {
  const { limit, chunkSize, batches } = prepare(1_000_000);
  await limit.shrink(30_000);
  expect([chunkSize.topicBytes, ...batches]).toEqual([16_384, 16_384]);
  await expect(limit.shrink(16_384)).rejects.toBeInstanceOf(ConfigurationError);
});

test("a topic that takes too little for any chunk is waited for, and changes nothing", async () => {
  const { limit, chunkSize, batches, real } = prepare(1_000_000);
  real.maxMessageBytes = 1000;
  await expect(limit.shrink(1_000_000)).rejects.toMatchObject({
    severity: "retryable",
    message: "topic streamsend: max.message.bytes is 1000: it must be at least 16384",
  });
  expect([chunkSize.topicBytes, ...batches]).toEqual([1_000_000]);
});
