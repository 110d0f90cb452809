/** Whatever comes as a record of the ledger is an entry by every rule, or none. */
import { expect, test } from "bun:test";
import { decodeEntry, encodeEntryValue, keyOf } from "../../agent/wire/entry.ts";
import { encodeEntryKey } from "../../agent/wire/entry-key.ts";
import { limits } from "../../agent/wire/limits.ts";
import type { Random } from "../support/random.ts";
import { fuzz, isWhole } from "./inputs.ts";
import { anyPath, mutated, mutatedBytes, oddTexts } from "./odd-texts.ts";
import { assertWithinLimits, textsAtLimits } from "./within-limits.ts";

const checksum = `md5:${"0f".repeat(16)}`;
const time = "2025-04-15T18:30:49.202Z";
const file = {
  ...{ path: "dir/a.txt", version: 5, state: "sent", size: 5 },
  ...{ mtime: "1744741849202123456", ctime: "1", inode: "2" },
  ...{ topic: "t", partition: 0, checksum, offset: 7 },
};
const early = { path: "dir/a.txt", version: 5, size: 5, checksum, mtime: "1" };
const good: readonly [key: string, value: object][] = [
  ["name/pos-0042", { format: 1, instance: "i", host: "h", state: "held", highest: 5 }],
  ["files/u/3/0", { format: 1, next: 9, open: [7], files: [file] }],
  [
    "done/g%2F/u/2",
    { ...{ format: 1, to: 9, at: 5, but: [7], also: [11] }, early: [early], by: { s: 3 }, time },
  ],
  [
    "files/u/3/1",
    {
      ...{ format: 1, next: 9, open: [], moved: true },
      files: [
        {
          ...file,
          partition: 1,
          from: "t 1@3 0@4",
          to: "t 1@7",
          attributes: { store: "0042", "a.b_c-d": "é" },
        },
      ],
    },
  ],
  ["again/g/u/5/a%FF", { format: 1, time }],
  ["failed/g/u/5/a", { format: 1, reason: "full", time }],
  ["needs/g/u/5/a", { format: 1, ranges: [[0, 5]], time }],
  ["start/g", { format: 1, topic: "t", offsets: { "0": 5 }, time }],
];

const pairs = (count: number, value: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, value]));
const oddAttributes: readonly object[] = [
  { a: "b", "": "c" },
  { A: "b" },
  { a: "\ud800" },
  { a: 7 },
  { ["n".repeat(limits.attributeName)]: "x".repeat(limits.attributeValue) },
  { ["n".repeat(limits.attributeName + 1)]: "x" },
  { n: "x".repeat(limits.attributeValue + 1) },
  pairs(limits.attributes, "x".repeat(limits.attributeValue)),
  pairs(limits.attributes, "\u0001".repeat(limits.attributeValue)),
  pairs(limits.attributes + 1, ""),
  JSON.parse('{"__proto__":"x"}'),
];

test("entries", () => {
  const seen = new Set<string>();
  fuzz("entries", 250, (random) => {
    const read = record(random);
    const entry = decodeEntry(read.key, read.value);
    if (!entry) {
      seen.add("none");
      return;
    }
    assertWithinLimits(entry);
    seen.add(keyOf(entry).kind);
    const text = Buffer.from(encodeEntryKey(keyOf(entry)));
    const value = encodeEntryValue(entry);
    const bytes = value === null ? null : Buffer.from(value);
    if (!Bun.deepEquals(decodeEntry(text, bytes), entry))
      throw new Error("written and read again, it differs");
  });
  // A fuzz that makes nothing but garbage tries nothing.
  if (isWhole)
    expect([...seen].sort()).toEqual([
      ...["again", "done", "failed", "files", "name", "needs", "none", "start"],
    ]);
});

function record(random: Random): { key: Buffer | null; value: Buffer | null } {
  const [key, value] = random.pick(good);
  return { key: anyKey(random, key), value: anyValue(random, value) };
}

function anyKey(random: Random, key: string): Buffer | null {
  switch (random.below(8)) {
    case 0:
      return random.below(4) === 0 ? null : mutatedBytes(random, Buffer.from(key));
    case 1:
      return Buffer.from(mutated(random, key));
    case 2:
      return Buffer.from(`${key.split("/").slice(0, -1).join("/")}/${anyPath(random)}`);
    default:
      return Buffer.from(key);
  }
}

function anyValue(random: Random, value: object): Buffer | null {
  const text = () => JSON.stringify(value);
  switch (random.below(8)) {
    case 0:
      return null;
    case 1:
      return mutatedBytes(random, Buffer.from(text()));
    case 2:
      return Buffer.from(mutated(random, text()));
    case 3:
    case 4: {
      const name = random.pick([
        ...Object.keys(value),
        "process",
        "from",
        "attributes",
        "__proto__",
        "unknown",
      ]);
      const odd = random.pick<unknown>([
        ...oddTexts,
        ...textsAtLimits,
        null,
        -1,
        1.5,
        1e308,
        2 ** 53,
        [],
        {},
        [[1, 0]],
        Array(limits.ranges).fill([0, 5]),
        Array(limits.ranges + 1).fill([0, 5]),
        ...[limits.marked, limits.marked + 1, limits.open, limits.open + 1].map((most) =>
          Array(most).fill(5),
        ),
        ...[limits.early, limits.early + 1].map((most) => Array(most).fill(early)),
        ...[limits.files, limits.files + 1].map((most) => Array(most).fill(file)),
        { [limits.partition + 1]: 0 },
        ...oddAttributes,
        limits.partition,
        limits.partition + 1,
        true,
        checksum,
      ]);
      return Buffer.from(JSON.stringify(Object.fromEntries([...Object.entries(value), [name, odd]])));
    }
    default:
      return Buffer.from(text());
  }
}
