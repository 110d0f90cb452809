import { expect, test } from "bun:test";
import { maxOutstanding, Outstanding, type Sent } from "../../../../agent/ledger/group/outstanding.ts";

function sent(uploader: string, at: number): Sent {
  const where = { topic: "topic", partition: 0, offset: at, places: [{ partition: 0, from: at, last: at }] };
  const state = { gone: false, isReplaced: false };
  return { uploader, path: `file-${at}`, version: 100 + at, size: 1, checksum: "", ...state, ...where };
}

/** Puts so many versions of each of these uploaders, in this order. */
function fill(unsettled: Outstanding, uploaders: readonly string[], count: number): void {
  for (const uploader of uploaders) for (let at = 0; at < count; at++) unsettled.put(sent(uploader, at));
}

const countOf = (unsettled: Outstanding, uploader: string) =>
  [...unsettled.values()].filter((one) => one.uploader === uploader).length;
const dead = (count: number) => Array.from({ length: count }, (_, at) => `dead-${at}`);

test("however much those owe that are gone for good, there is a place for what a living one has lost", () => {
  for (const [uploaders, count] of [
    [5, 2000],
    [1, 12_000],
    [200, 2000],
    [9999, 3],
  ] as const) {
    const unsettled = new Outstanding();
    fill(unsettled, dead(uploaders), count);
    unsettled.put(sent("till", 1));
    expect(unsettled.has(sent("till", 1))).toBe(true);
    expect(unsettled.size).toBeLessThanOrEqual(maxOutstanding);
  }
});

test("who has lost much gets a fair share, and the same whoever comes first", () => {
  for (const order of [
    [...dead(9), "till"],
    ["till", ...dead(9)],
  ]) {
    const unsettled = new Outstanding();
    fill(unsettled, order, 2000);
    expect(countOf(unsettled, "till")).toBeGreaterThan(900);
    expect(unsettled.size).toBe(maxOutstanding);
  }
});

test("uploaders take turns", () => {
  const unsettled = new Outstanding();
  fill(unsettled, [...dead(5), "till"], 100);
  const first = [...unsettled.values()].slice(0, 6).map(({ uploader }) => uploader);
  expect(new Set(first).size).toBe(6);
});

test("of whom there is more than fits is known, and it is looked for when most of that is settled", () => {
  const unsettled = new Outstanding();
  fill(unsettled, ["till"], 2500);
  fill(unsettled, ["other"], 10);
  expect([...unsettled.overflowing()]).toEqual(["till"]);
  expect([unsettled.overflowed("till"), unsettled.overflowed("other")]).toEqual([true, false]);
  expect(unsettled.mayTakeMore).toBe(false);
  for (let at = 0; at < 1850; at++) unsettled.settle(sent("till", at));
  expect(unsettled.mayTakeMore).toBe(true);
});

test("where nobody has room for more than it has, nothing is looked for", () => {
  const unsettled = new Outstanding();
  fill(unsettled, dead(100), 2000);
  expect(unsettled.mayTakeMore).toBe(false);
});

test("a newer version of a path takes the place of the older, and settling leaves nothing behind", () => {
  const unsettled = new Outstanding();
  unsettled.put(sent("till", 1));
  unsettled.put({ ...sent("till", 1), version: 500 });
  expect([...unsettled.values()].map(({ version }) => version)).toEqual([500]);
  unsettled.settle(sent("till", 1));
  expect(unsettled.size).toBe(1);
  unsettled.settle({ ...sent("till", 1), version: 500 });
  expect([unsettled.size, [...unsettled.values()]]).toEqual([0, []]);
});

test("an older version that comes late does not take the place of the newer one", () => {
  const unsettled = new Outstanding();
  unsettled.put({ ...sent("till", 1), version: 200 });
  unsettled.put({ ...sent("till", 1), version: 150 });
  expect([...unsettled.values()].map(({ version }) => version)).toEqual([200]);
});

test("attributes take their bytes, and others keep their place", () => {
  const unsettled = new Outstanding();
  unsettled.put(sent("till", 1));
  const pairs = Array.from({ length: 16 }, (_, at) => [`${at}`.padEnd(64, "n"), "v".repeat(256)]);
  const attributes = Object.fromEntries(pairs);
  for (let at = 0; at < 2000; at++) unsettled.put({ ...sent("loud", at), attributes });
  // Each takes 10 kB at least.
  expect(countOf(unsettled, "loud")).toBeLessThan((6 << 20) / 4 / 10_000);
  expect(countOf(unsettled, "loud")).toBeGreaterThan(0);
  expect(unsettled.has(sent("till", 1))).toBe(true);
});

test("long paths and long lists of places take no more than their bytes, and others keep their place", () => {
  const unsettled = new Outstanding();
  unsettled.put(sent("till", 1));
  const places = Array.from({ length: 256 }, (_, partition) => ({ partition, from: 0, last: 0 }));
  const loud = (uploader: string, at: number): Sent => ({
    ...sent(uploader, at),
    path: `${"p".repeat(3900)}${at}`,
    places,
  });
  for (let uploader = 0; uploader < 10; uploader++)
    for (let at = 0; at < 1000; at++) unsettled.put(loud(`loud-${uploader}`, at));
  // Each takes 34 kB at least.
  expect(unsettled.size).toBeLessThan((6 << 20) / 33_000);
  expect(unsettled.has(sent("till", 1))).toBe(true);
  for (let uploader = 0; uploader < 10; uploader++) {
    expect(countOf(unsettled, `loud-${uploader}`)).toBeGreaterThan(0);
    for (let at = 0; at < 1000; at++) unsettled.settle(loud(`loud-${uploader}`, at));
  }
  expect([unsettled.size, unsettled.mayTakeMore]).toEqual([1, true]);
});
