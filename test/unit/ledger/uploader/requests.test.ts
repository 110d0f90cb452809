import { expect, test } from "bun:test";
import { KnownGroups } from "../../../../agent/ledger/uploader/known-groups.ts";
import { Requests } from "../../../../agent/ledger/uploader/requests.ts";

const newRequests = () => new Requests(new KnownGroups(["hub", "mirror"]));

function filled(): Requests {
  const requests = newRequests();
  requests.put("a", "hub", { version: 7, ranges: [[0, 10]], offset: 100, heardMs: 1 });
  requests.put("a", "mirror", { version: 7, ranges: [[5, 20]], offset: 101, heardMs: 3 });
  requests.put("a", "late", { version: 6, ranges: [[0, 99]], offset: 102, heardMs: 4 });
  return requests;
}

test("what groups ask for of one version is one request", () => {
  expect(filled().of("a", 7)).toEqual({
    path: "a",
    version: 7,
    groups: ["hub", "mirror"],
    ranges: [[0, 20]],
    offset: 101,
    heardMs: 3,
  });
  expect(filled().of("a", 8)).toBeUndefined();
  expect(filled().of("b", 7)).toBeUndefined();
});

test("what was asked after the answer began is left to do", () => {
  const requests = filled();
  requests.settle("a", 7, 100);
  expect(requests.of("a", 7)).toMatchObject({ groups: ["mirror"], ranges: [[5, 20]] });
  expect(requests.of("a", 6)).toBeUndefined();
  requests.settle("a", 7, 101);
  expect([...requests.paths()]).toEqual([]);
});

test("a group takes back what it asked for, not what others ask for, nor what it asks for now", () => {
  const requests = filled();
  requests.takeBack("a", "hub", 7);
  requests.takeBack("a", "mirror", 6);
  requests.takeBack("a", "nobody", 7);
  expect(requests.of("a", 7)?.groups).toEqual(["mirror"]);
});

/** Puts requests of as many paths as there is room for, at most `most`; gives how many that were. */
function fill(
  requests: Requests,
  most: number,
  ranges: [number, number][],
  name: (at: number) => string = String,
): number {
  for (let at = 0; at < most; at++)
    if (!requests.put(name(at), "hub", { version: 1, ranges, offset: 0, heardMs: 0 })) return at;
  return most;
}

test("fifty thousand are remembered, not many more, and room is made as they are settled", () => {
  const requests = newRequests();
  const count = fill(requests, 200_000, [[0, 1]]);
  expect(count).toBeGreaterThan(50_000);
  expect(count).toBeLessThan(55_000);
  const asked = { version: 1, ranges: [[0, 1]] as [number, number][], offset: 0, heardMs: 0 };
  expect(requests.put("one more", "hub", asked)).toBe(false);
  expect(requests.put("0", "hub", asked)).toBe(true);
  for (let at = 0; at < 10; at++) requests.settle(String(at), 1, 0);
  expect(requests.put("one more", "hub", asked)).toBe(true);
});

test("ranges count as well: when there is no room for them, one over all of them is remembered", () => {
  const requests = newRequests();
  const ranges = Array.from({ length: 1000 }, (_, at): [number, number] => [2 * at, 2 * at + 1]);
  const count = fill(requests, 200_000, ranges);
  let remembered = 0;
  for (const path of requests.paths()) remembered += requests.of(path, 1)?.ranges.length ?? 0;
  expect(count).toBeGreaterThan(400);
  expect(80 * remembered).toBeLessThan(32 << 20);
  expect(requests.of(String(count - 1), 1)?.ranges).toEqual([[0, 1999]]);
  requests.settle("0", 1, 0);
  requests.put("with room again", "hub", { version: 1, ranges, offset: 0, heardMs: 0 });
  expect(requests.of("with room again", 1)?.ranges).toHaveLength(1000);
});

test("so do long names", () => {
  const count = fill(newRequests(), 200_000, [[0, 1]], (at) => String(at).padEnd(4000, "x"));
  expect(count).toBeGreaterThan(3000);
  expect(count).toBeLessThan(5000);
});

test("of groups that nobody has set up, a hundred are heard on one path", () => {
  const requests = newRequests();
  const asked = { version: 1, ranges: [[0, 1]] as [number, number][], offset: 0, heardMs: 0 };
  for (let group = 0; group < 100; group++) expect(requests.put("a", String(group), asked)).toBe(true);
  expect(requests.put("a", "one more", asked)).toBe(false);
  expect(requests.put("a", "7", asked)).toBe(true);
  expect(requests.put("b", "one more", asked)).toBe(true);
});

const one = { version: 1, ranges: [[0, 1]] as [number, number][], offset: 0, heardMs: 0 };

test("who asks for more than there is room for drops its own requests, and no other group's", () => {
  const requests = newRequests();
  for (let at = 0; at < 1000; at++) expect(requests.put(`mirror-${at}`, "mirror", one)).toBe(true);
  const count = fill(requests, 200_000, [[0, 1]]);
  // Another known group, and groups that somebody has made up: each has its part, and no more.
  let taken = 0;
  for (let at = 0; at < 60_000; at++) {
    requests.put(`stranger-${at}`, `made-up-${at}`, one);
    if (requests.of(`stranger-${at}`, 1)) taken++;
  }
  for (let at = 0; at < 60_000; at++) requests.put(`late-${at}`, "mirror", one);
  const left = new Map<string, number>();
  for (const path of requests.paths())
    for (const group of requests.askers(path)) {
      const who = group.startsWith("made-up") ? "strangers" : group;
      left.set(who, (left.get(who) ?? 0) + 1);
    }
  expect(taken).toBeGreaterThan(10_000);
  for (const who of ["hub", "mirror", "strangers"]) expect(left.get(who)).toBeGreaterThan(count / 4);
  for (let at = 0; at < 1000; at++)
    expect(requests.of(`mirror-${at}`, 1)).toMatchObject({ groups: ["mirror"] });
  // What was heard first stays.
  expect(requests.of("0", 1)).toBeDefined();
  expect(requests.of("stranger-0", 1)).toBeDefined();
});

test("they are counted, and each is known by its group", () => {
  const requests = newRequests();
  for (let at = 0; at < 10; at++)
    for (const group of ["hub", "stranger"]) requests.put(String(at), group, one);
  requests.put("0", "hub", { ...one, offset: 1 });
  requests.settle("0", 1, 0);
  requests.takeBack("1", "stranger", 1);
  expect(requests.count).toBe(18);
  expect([requests.has("0", "hub"), requests.has("0", "stranger"), requests.has("1", "stranger")]).toEqual([
    true,
    false,
    false,
  ]);
});

test("a known group is heard on a path that a hundred others ask for", () => {
  const requests = newRequests();
  for (let group = 0; group < 200; group++) requests.put("a", String(group), one);
  expect(requests.put("a", "hub", one)).toBe(true);
  expect(requests.of("a", 1)?.groups).toContain("hub");
});
