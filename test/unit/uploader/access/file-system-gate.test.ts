import { expect, test } from "bun:test";
import { Log } from "../../../../agent/observe/log.ts";
import { callsPerWatch, FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";

const log = new Log({ level: "error", format: "text", agent: "test" });

test("several watches leave each other threads, one has all it wants", () => {
  expect(callsPerWatch(1, { UV_THREADPOOL_SIZE: "2" })).toBe(Number.POSITIVE_INFINITY);
  expect(callsPerWatch(2, { UV_THREADPOOL_SIZE: "8" })).toBe(3);
  expect(callsPerWatch(2, { UV_THREADPOOL_SIZE: "2" })).toBe(1);
  expect(callsPerWatch(9, { UV_THREADPOOL_SIZE: "4" })).toBe(1);
});

test("no more calls than allowed are under way at a time, and all are made", async () => {
  const access = new FileSystemGate("/watch", 2, log);
  let running = 0;
  let most = 0;
  const call = async (at: number) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    if (at % 5 === 0) throw new Error("EIO");
    return at;
  };
  const all = Array.from({ length: 50 }, (_, at) => access.run(() => call(at)).catch(() => -1));
  expect((await Promise.all(all)).filter((at) => at >= 0)).toHaveLength(40);
  expect(most).toBe(2);
});

test("work that ends is in time, also when it fails", async () => {
  const access = new FileSystemGate("/watch", 2, log);
  expect(await access.inTime(Promise.resolve())).toBe(true);
  expect(await access.inTime(Promise.reject(new Error("EIO")))).toBe(true);
});
