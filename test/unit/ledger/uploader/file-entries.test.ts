import { expect, test } from "bun:test";
import fc from "fast-check";
import { FileEntries } from "../../../../agent/ledger/uploader/file-entries.ts";
import type { SeenNumbers } from "../../../../agent/ledger/uploader/file-rows.ts";
import { PathKey } from "../../../../agent/ledger/uploader/path-key.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";

const attributes = { store: "0042" };
const key = new PathKey();
const entry: FileValue = {
  version: 7,
  state: "sending",
  size: 5,
  mtime: "1",
  ctime: "1",
  inode: "1",
};

test("an entry is given back as it was, with its attributes if it has some", () => {
  const entries = new FileEntries();
  entries.set("a", { ...entry, attributes }, 0);
  entries.set("b", entry, 0);
  expect(entries.get("a")).toEqual({ ...entry, attributes });
  expect(entries.get("b")).toEqual(entry);
  entries.set("a", { ...entry, version: 8 }, 0);
  expect(entries.get("a")).toEqual({ ...entry, version: 8 });
  entries.set("a", undefined, 0);
  expect(entries.get("a")).toBeUndefined();
});

test("files that have the same attributes have one object of them", () => {
  const entries = new FileEntries();
  for (const path of ["a", "b"]) entries.set(path, { ...entry, attributes: { ...attributes } }, 0);
  entries.set("c", { ...entry, attributes: { store: "0043" } }, 0);
  const shared = entries.get("a")?.attributes;
  expect(shared).toEqual(attributes);
  expect(entries.get("b")?.attributes).toBe(shared as NonNullable<typeof shared>);
  expect(entries.get("c")?.attributes).toEqual({ store: "0043" });
});

test("however many sets there are, each file has its own", () => {
  const entries = new FileEntries();
  for (let at = 0; at < 1000; at++) entries.set(`${at}`, { ...entry, attributes: { at: `${at}` } }, 0);
  for (const at of ["0", "500", "999"]) expect(entries.get(at)?.attributes).toEqual({ at });
});

test("whether a file is gone its attributes do not tell", () => {
  const entries = new FileEntries();
  entries.set("a", { ...entry, attributes: { state: "gone" } }, 0);
  expect([entries.isPresent("a"), entries.isSent("a")]).toEqual([true, false]);
  entries.set("a", { ...entry, state: "gone", attributes: { state: "sent" } }, 0);
  expect([entries.isPresent("a"), entries.isSent("a")]).toEqual([false, false]);
});

test("a file counts as sent only as long as its entry says so: not one that was given up, or is sent anew", () => {
  const entries = new FileEntries();
  const reason = '"state":"sent"';
  for (const state of ["sending", "abandoned", "gone"] as const) {
    entries.set("a", { ...entry, state, reason }, 0);
    expect(entries.isSent("a")).toBe(false);
  }
  const where = { topic: "topic", partition: 0, offset: 1, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  entries.set("a", { ...entry, state: "sent", ...where }, 0);
  expect(entries.isSent("a")).toBe(true);
  entries.set("a", undefined, 0);
  expect(entries.isSent("a")).toBe(false);
});

const text = (count: fc.Arbitrary<bigint>) => count.map(String);
const time = fc.oneof(
  text(fc.bigInt({ min: 1_600_000_000_000_000_000n, max: 1_900_000_000_000_000_000n })),
  text(fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n })),
  fc.constantFrom("0", "-1", "999999999", "1000000000", "00000000001", "9".repeat(19), "9".repeat(20)),
);
const inode = fc.oneof(
  text(fc.bigInt({ min: 0n, max: 2n ** 64n })),
  fc.constantFrom("0", "01", "none", String(2 ** 53), String(2n ** 64n - 1n), "9".repeat(20)),
);
const number = fc.oneof(fc.nat(), fc.maxSafeNat());
const value = fc.record(
  {
    ...{ version: number, size: number, mtime: time, ctime: time, inode },
    state: fc.constantFrom("sending", "sent", "abandoned", "gone", "incomplete"),
    ...{ topic: fc.constantFrom("one", "other"), partition: fc.nat(2147483647), offset: number },
    checksum: fc.oneof(
      fc.constantFrom("md5:5d41402abc4b2a76b9719d911017c592", `sha256:${"0f".repeat(32)}`, "md5:5d", "none"),
    ),
    ...{ from: fc.string(), to: fc.string(), acknowledged: number, answered: number, reason: fc.string() },
    ...{ since: number, at: number },
    was: fc.array(fc.record({ topic: fc.string(), partition: fc.nat(), offset: number, at: number })),
  },
  { requiredKeys: ["version", "state", "size", "mtime", "ctime", "inode"] },
) as fc.Arbitrary<FileValue>;

test("whatever an entry says is given back as it was set last, beside others", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.option(value)), { minLength: 1 }),
      (all) => {
        const entries = new FileEntries();
        const expected = new Map<string, FileValue>();
        for (const [batch, [path, given]] of all.entries()) {
          entries.set(path, given ?? undefined, batch);
          if (given) expected.set(path, given);
          else expected.delete(path);
          expect(entries.batchOf(path)).toBe(given ? batch : undefined);
        }
        for (const path of ["a", "b", "c"]) {
          expect(entries.get(path)).toEqual(expected.get(path) as FileValue);
          expect(entries.versionOf(path)).toBe(expected.get(path)?.version as number);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("a file counts as sent as it was seen only where all of it is the same", () => {
  const entries = new FileEntries();
  const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
  const where = { topic: "topic", partition: 0, offset: 1, checksum };
  const isSentAs = (path: string, as: SeenNumbers) => entries.isSentAs(key.set(path), as, 3);
  const mark = { size: 5, mtimeSeconds: 1744741849, mtimeNanoseconds: 7, ctimeSeconds: 1744741850 };
  const seen = { ...mark, ctimeNanoseconds: 202123456, inodeLow: 3, inodeHigh: 1 };
  const times = { mtime: "1744741849000000007", ctime: "1744741850202123456", inode: String(2 ** 32 + 3) };
  const sent: FileValue = { ...entry, ...times, ...where, state: "sent" };
  entries.set("a", sent, 0);
  expect(isSentAs("a", seen)).toBe(true);
  expect(isSentAs("b", seen)).toBe(false);
  for (const name of Object.keys(seen) as (keyof typeof seen)[])
    expect(isSentAs("a", { ...seen, [name]: seen[name] + 1 }), name).toBe(false);
  for (const state of ["sending", "abandoned", "gone"] as const) {
    entries.set("a", { ...sent, state }, 0);
    expect(isSentAs("a", seen)).toBe(false);
  }
  // Nothing is said of what no row can hold: that is compared as text.
  for (const odd of [{ mtime: "-7" }, { ctime: "-1" }, { inode: "none" }]) {
    entries.set("a", { ...sent, ...odd }, 0);
    const zero = { mtimeSeconds: 0, mtimeNanoseconds: 0, ctimeSeconds: 0, ctimeNanoseconds: 0 };
    expect(isSentAs("a", seen)).toBe(false);
    expect(isSentAs("a", { ...seen, ...zero, inodeLow: 0, inodeHigh: 0 })).toBe(false);
  }
});

test("which files no look has seen is known, and of a new one that none has", () => {
  const entries = new FileEntries();
  const unseen = (look: number, folder = "") => [...entries.unseen(folder, look)];
  entries.see("a", 1);
  for (const path of ["a", "b/c", "b/d", "bc"]) entries.set(path, entry, 0);
  expect(unseen(1)).toEqual(["a", "b/c", "b/d", "bc"]);
  expect(unseen(1, "b/")).toEqual(["b/c", "b/d"]);
  for (const look of [1, 65_535]) {
    entries.see("a", look);
    entries.set("a", { ...entry, version: look }, 0);
    entries.see("b/c", look);
    entries.see("none", look);
    expect([unseen(look), unseen(2)]).toEqual([
      ["b/d", "bc"],
      ["a", "b/c", "b/d", "bc"],
    ]);
  }
  // What is gone nobody looks for.
  entries.set("bc", { ...entry, state: "gone" }, 0);
  expect(unseen(65_535)).toEqual(["b/d"]);
  entries.set("a", undefined, 0);
  entries.set("b", entry, 0);
  expect(unseen(65_535)).toEqual(["b", "b/d"]);
});

test("a file that was sent as it was seen is seen by that look, and no other file is", () => {
  const entries = new FileEntries();
  const where = { topic: "topic", partition: 0, offset: 1, checksum: `md5:${"0".repeat(32)}` };
  const sent: FileValue = { ...entry, state: "sent", ...where };
  for (const path of ["a", "b"]) entries.set(path, sent, 0);
  const seen = { size: 5, mtimeSeconds: 0, mtimeNanoseconds: 1, ctimeSeconds: 0, ctimeNanoseconds: 1 };
  expect(entries.isSentAs(key.set("a"), { ...seen, inodeLow: 1, inodeHigh: 0 }, 9)).toBe(true);
  expect(entries.isSentAs(key.set("b"), { ...seen, inodeLow: 2, inodeHigh: 0 }, 9)).toBe(false);
  expect([...entries.unseen("", 9)]).toEqual(["b"]);
});

test("a path that is held keeps its number when its entry goes, and nothing is known of it", () => {
  const entries = new FileEntries();
  const number = entries.hold("a");
  expect([entries.get("a"), entries.isSent("a"), [...entries.paths()]]).toEqual([undefined, false, []]);
  const isSentAs = () => entries.isSentAs(key.set("a"), {} as SeenNumbers, 1);
  expect(isSentAs()).toBe(false);
  entries.set("a", entry, 7);
  expect(entries.inBatch(number, 7)).toEqual({ path: "a", value: entry });
  expect(entries.inBatch(number, 8)).toBeUndefined();
  entries.set("a", undefined, 0);
  entries.set("b", entry, 7);
  expect([entries.inBatch(number, 7), isSentAs()]).toEqual([undefined, false]);
  expect(entries.hold("a")).toBe(number);
  entries.letGo(number);
  expect(entries.hold("c")).not.toBe(number);
  entries.letGo(number);
  expect(entries.hold("d")).toBe(number);
});

test("what is gone is told with its time, unless it stands in several batches", () => {
  const entries = new FileEntries();
  const gone: FileValue = { ...entry, state: "gone", since: 5 };
  for (const path of ["a", "b"]) {
    entries.hold(path);
    entries.set(path, gone, 1);
  }
  const number = entries.hold("b");
  entries.set("c", entry, 1);
  expect([...entries.goneSince()]).toEqual([["a", 5]]);
  entries.letGo(number);
  expect([...entries.goneSince()].sort()).toEqual([
    ["a", 5],
    ["b", 5],
  ]);
});

test("more topics than an uploader ever has are told apart all the same", () => {
  const entries = new FileEntries();
  const where = { partition: 0, offset: 1, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  for (let at = 0; at < 3000; at++)
    entries.set(`${at}`, { ...entry, state: "sent", ...where, topic: `topic ${at}` }, 0);
  for (const at of [0, 999, 1000, 2999])
    expect([entries.get(`${at}`), entries.placeOf(`${at}`)]).toMatchObject(
      Array(2).fill({ topic: `topic ${at}` }),
    );
});

test("where a file is can be asked for once it was sent whole", () => {
  const entries = new FileEntries();
  const where = { topic: "topic", partition: 3, offset: 1, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  for (const state of ["sent", "gone"] as const) {
    entries.set("a", { ...entry, state, ...where, at: 17 }, 0);
    expect(entries.placeOf("a")).toEqual({ partition: 3, version: 7, at: 17, topic: "topic", offset: 1 });
  }
  entries.set("a", { ...entry, state: "sent", ...where }, 0);
  expect(entries.placeOf("a")).toEqual({ partition: 3, version: 7, at: -1, topic: "topic", offset: 1 });
  for (const state of ["sending", "abandoned"] as const) {
    entries.set("a", { ...entry, state, ...where, at: 17 }, 0);
    expect(entries.placeOf("a")).toBeUndefined();
  }
  entries.set("a", { ...entry, state: "gone", since: 5 }, 0);
  expect(entries.placeOf("a")).toBeUndefined();
  expect(entries.placeOf("b")).toBeUndefined();
});

test("the highest version, and where it was noted last, is of what was sent whole", () => {
  const entries = new FileEntries();
  const where = { topic: "topic", partition: 0, offset: 1, checksum: `md5:${"0".repeat(32)}` };
  expect(entries.highest()).toEqual({ version: 0, at: 0 });
  entries.set("a", { ...entry, version: 9 }, 0);
  entries.set("b", { ...entry, state: "sent", ...where, version: 5, at: 3 }, 0);
  entries.set("c", { ...entry, state: "gone", ...where, version: 4, at: 8 }, 0);
  entries.set("d", { ...entry, state: "sent", ...where, version: 2 }, 0);
  expect(entries.highest()).toEqual({ version: 5, at: 8 });
  entries.set("c", undefined, 0);
  expect(entries.highest()).toEqual({ version: 5, at: 3 });
});

test("what groups say of a path stays with it until it is removed, and the next one there has none of it", () => {
  const entries = new FileEntries();
  entries.setReceipts("a", 1);
  entries.set("a", entry, 0);
  expect(entries.receiptsOf("a")).toBe(0);
  entries.setReceipts("a", -1);
  entries.set("a", { ...entry, version: 8 }, 0);
  expect([entries.receiptsOf("a"), entries.receiptsOf("b")]).toEqual([-1, 0]);
  entries.set("a", undefined, 0);
  entries.set("b", entry, 0);
  expect([entries.receiptsOf("a"), entries.receiptsOf("b")]).toEqual([0, 0]);
});
