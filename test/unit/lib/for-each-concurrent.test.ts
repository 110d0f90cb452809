import { expect, test } from "bun:test";
import { forEachConcurrent } from "../../../agent/lib/for-each-concurrent.ts";

test("so many are under way at a time, and all are done", async () => {
  const done: number[] = [];
  const ends: (() => void)[] = [];
  let most = 0;
  const all = forEachConcurrent(
    Array.from({ length: 10 }, (_, at) => at),
    3,
    async (item) => {
      await new Promise<void>((end) => ends.push(end));
      done.push(item);
    },
  );
  while (ends.length > 0) {
    most = Math.max(most, ends.length);
    ends.shift()?.();
    await Bun.sleep(0);
  }
  await all;
  expect(most).toBe(3);
  expect(done.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("after a failure no more are begun, and what is under way is waited for", async () => {
  const begun: number[] = [];
  let ended = 0;
  const all = forEachConcurrent([0, 1, 2, 3, 4, 5], 3, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error("no");
    await Bun.sleep(1);
    ended++;
  });
  expect(await all.catch((error: Error) => error.message)).toBe("no");
  expect(begun).toEqual([0, 1, 2]);
  expect(ended).toBe(2);
});
