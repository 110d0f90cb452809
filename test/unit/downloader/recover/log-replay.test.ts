import { afterEach, expect, spyOn, test } from "bun:test";
import { LogReplay } from "../../../../agent/downloader/recover/log-replay.ts";
import type { LogEvent } from "../../../../agent/kafka/log-reader.ts";

const collect = spyOn(Bun, "gc");
afterEach(() => {
  collect.mockClear();
});

const wanted = { uploader: "till", path: "a.txt", version: 1 };
const count = 20_000;

/** A log of records that are nobody's, the last of which may be the wanted version's. */
function recordAt(offset: number): LogEvent {
  const key = Buffer.from(offset === count - 1 ? "till/a.txt" : "");
  const headers = [{ streamsend: "1" }];
  const record = { topic: "t", partition: 0, offset, key, value: Buffer.from("x"), headers, timestampMs: 0 };
  return { kind: "record", record };
}

test("records that nobody wants cost hardly a collection when the log is read again: they may be most of it", async () => {
  let next = 0;
  const taken: number[] = [];
  const replay = new LogReplay({
    open: async () => ({
      read: async () => Array.from({ length: 16 }, () => recordAt(next++)),
      close: async () => undefined,
    }),
    target: {
      acceptAgain: async ({ offset }) => taken.push(offset) > 0,
      settled: async () => undefined,
    },
    listener: { began: () => undefined, ended: () => undefined },
    signal: new AbortController().signal,
    now: () => 0,
    fail: (error) => {
      throw error;
    },
  });
  replay.request({ id: wanted, parts: [{ partition: 0, from: 0, until: count }], reason: "sent" });
  replay.start();
  await replay.ended();
  expect(taken).toEqual([count - 1]);
  expect(collect.mock.calls.length).toBeLessThan(10);
});
