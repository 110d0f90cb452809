/** The counters of the chaos run have to see what they are there to see: each is shown something broken. */
import { expect, test } from "bun:test";
import { type Content, type Disk, Truth } from "../../../scripts/chaos-parts/truth.ts";

const disks: Disk[] = [
  { name: "one", group: "inbox" },
  { name: "two", group: "inbox" },
  { name: "copy", group: "mirror" },
];
const key = "till-1/a.txt";
const first = content("aa", 5, 1n);
const second = content("bb", 7, 2n);

function content(md5: string, size: number, mtimeNs: bigint): Content {
  return { md5, size, mtimeNs };
}

function truthWith(...contents: Content[]): Truth {
  const truth = new Truth(disks);
  for (const [at, one] of contents.entries()) truth.wrote(key, one, at);
  return truth;
}

test("a file that was put there is outstanding until each group has it on one of its disks", () => {
  const truth = truthWith(first);
  const groups = () => truth.outstanding().flatMap((missing) => missing.groups);
  expect(groups()).toEqual(["inbox", "mirror"]);
  expect(truth.published("two", key, first).kind).toBe("new");
  expect(groups()).toEqual(["mirror"]);
  truth.published("copy", key, first);
  expect(groups()).toEqual([]);
  expect(truth.deliveredStates).toBe(1);
});

test("a dropped file stays outstanding", () => {
  const truth = truthWith(first);
  truth.wrote("till-1/b.txt", second, 1);
  for (const disk of ["one", "copy"]) truth.published(disk, key, first);
  expect(truth.outstanding().map(({ record }) => record.key)).toEqual(["till-1/b.txt"]);
});

test("what was replaced or removed before it arrived may be missing, what the agent took may not", () => {
  const truth = truthWith(first, second);
  expect(truth.outstanding().map(({ state }) => state.index)).toEqual([1]);
  truth.ended(key, "removed", 3);
  expect(truth.outstanding()).toEqual([]);
  truth.wrote(key, first, 4);
  truth.ended(key, "taken", 5);
  expect(truth.outstanding().map(({ state }) => state.index)).toEqual([2]);
});

test("a flipped byte, a cut end, a wrong time and a name that nobody wrote are foreign", () => {
  const truth = truthWith(first);
  const strange = [content("ab", 5, 1n), content("ac", 4, 1n), content("aa", 5, 2n)];
  for (const seen of strange) expect(truth.published("one", key, seen).kind).toBe("foreign");
  expect(truth.published("one", "till-1/other.txt", first)).toEqual({ kind: "foreign", record: undefined });
  expect(truth.outstanding()).toHaveLength(1);
});

test("a content that a disk gets twice is seen again, with how often; on another disk it is new", () => {
  const truth = truthWith(first);
  expect(["one", "two", "one", "one"].map((disk) => truth.published(disk, key, first).kind)).toEqual([
    "new",
    "new",
    "again",
    "again",
  ]);
  expect(truth.record(key)?.states[0]?.published.get("one")).toBe(3);
});

test("an older content after a newer one on the same disk is older, on another disk it is new", () => {
  const truth = truthWith(first, second);
  expect(truth.published("one", key, second).kind).toBe("new");
  expect(truth.published("one", key, first).kind).toBe("older");
  expect(truth.published("two", key, first).kind).toBe("new");
});

test("a content that a path had twice may arrive twice, and not a third time", () => {
  const truth = truthWith(first, second, first);
  const kinds = [first, second, first, first, second].map((seen) => truth.published("one", key, seen).kind);
  expect(kinds).toEqual(["new", "new", "new", "again", "older"]);
});

test("a source that should have been deleted once every group had it is named", () => {
  const truth = truthWith(first);
  expect(truth.notTaken(["till-1"])).toEqual([]);
  for (const disk of ["one", "copy"]) truth.published(disk, key, first);
  expect(truth.notTaken(["till-2"])).toEqual([]);
  expect(truth.notTaken(["till-1"])).toEqual([key]);
  truth.ended(key, "taken", 1);
  expect(truth.notTaken(["till-1"])).toEqual([]);
  expect(truth.taken).toBe(1);
});
