import { expect, test } from "bun:test";
import { CoalescedRefresh } from "../../../agent/lib/coalesced-refresh.ts";

/** When the looks began, and what ends the one that is under way. */
function prepare() {
  const began: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const look = new CoalescedRefresh(
    () =>
      new Promise((resolve, reject) => {
        began.push(performance.now());
        ends.push((error) => (error ? reject(error) : resolve()));
      }),
  );
  const begun = async (count: number) => {
    while (began.length < count) await Bun.sleep(1);
  };
  return { look, began, ends, begun };
}

test("thousands who ask at once, and after it, share one look", async () => {
  const { look, began, ends, begun } = prepare();
  const askedMs = performance.now();
  const all = Array.from({ length: 4000 }, () => look.since(askedMs));
  await begun(1);
  ends[0]?.();
  await Promise.all(all);
  await look.since(askedMs);
  expect(began).toHaveLength(1);
});

test("who has heard of something since the look began waits for the next one, which does not follow at once", async () => {
  const { look, began, ends, begun } = prepare();
  const first = look.since(performance.now());
  await begun(1);
  let served = false;
  const second = look.since(performance.now()).then(() => {
    served = true;
  });
  ends[0]?.();
  await first;
  await Bun.sleep(0);
  expect(served).toBe(false);
  await begun(2);
  ends[1]?.();
  await second;
  expect((began[1] ?? 0) - (began[0] ?? 0)).toBeGreaterThanOrEqual(990);
});

test("a look that fails is told to all who wait for it, and serves nobody later", async () => {
  const { look, began, ends, begun } = prepare();
  const all = [look.since(0), look.since(0)].map((one) => one.catch((error: Error) => error.message));
  await begun(1);
  ends[0]?.(new Error("no"));
  expect(await Promise.all(all)).toEqual(["no", "no"]);
  const again = look.since(0);
  await begun(2);
  ends[1]?.();
  await again;
  expect(began).toHaveLength(2);
});
