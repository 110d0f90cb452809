/** The limits of docs/protocol.md are those that the decoders hold: what is at one is taken, what is over it is not. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { decodeFrom, decodeRecord, encodeAbandoned } from "../../../agent/wire/chunk.ts";
import { decodeEntry, decodeLedgerRecord, encodeEntryValue } from "../../../agent/wire/entry.ts";
import { cutTo, limits } from "../../../agent/wire/limits.ts";
import { chunkAt, withHeader } from "../../support/hand-made.ts";

const good = chunkAt({ uploader: "u", path: "a", content: Buffer.from("x") }, 0, Buffer.from("x"));
const time = "2025-04-15T18:30:49.202Z";

test("docs/protocol.md names each limit", () => {
  const page = readFileSync("docs/protocol.md", "utf8");
  const table = page.slice(page.indexOf("## Limits"));
  const numbers = new Set(table.match(/\d+/g));
  for (const [name, most] of Object.entries(limits))
    expect([name, numbers.has(String(most))]).toEqual([name, true]);
});

const isTaken = (key: string, value: object) =>
  decodeEntry(Buffer.from(key), Buffer.from(JSON.stringify(value))) !== undefined;

/** A record with something of this size, whether it is taken. */
const cases: readonly [what: string, most: number, take: (size: number) => boolean][] = [
  ["abandoned", limits.reason, (size) => kindOf("abandoned", "r".repeat(size)) === "abandoned"],
  ["uploader", limits.uploader, (size) => kindOf("uploader", "u".repeat(size)) === "chunk"],
  ["path", limits.path, (size) => kindOf("path", pathOf(size)) === "chunk"],
  ["segment", limits.segment, (size) => kindOf("path", "p".repeat(size)) === "chunk"],
  ["from's topic", limits.topicId, (size) => decodeFrom(`${"t".repeat(size)} 0@0`) !== undefined],
  ["places", limits.places, (size) => decodeFrom(`t${" 0@0".repeat(size)}`) !== undefined],
  ["partition", limits.partition, (size) => decodeFrom(`t ${size}@0`) !== undefined],
  ["group", limits.group, (size) => isTaken(`start/${"g".repeat(size)}`, start({}))],
  [
    "reason",
    limits.reason,
    (size) => isTaken("failed/g/u/5/a", { format: 1, reason: "r".repeat(size), time }),
  ],
  [
    "time",
    limits.time,
    (size) => isTaken("failed/g/u/5/a", { format: 1, reason: "", time: "t".repeat(size) }),
  ],
  [
    "ranges",
    limits.ranges,
    (size) => isTaken("needs/g/u/5/a", { format: 1, ranges: Array(size).fill([0, 5]), time }),
  ],
  ["attributes", limits.attributes, (size) => kindOf("attributes", pairs(size)) === "chunk"],
  [
    "attribute's name",
    limits.attributeName,
    (size) => kindOf("attributes", JSON.stringify({ ["n".repeat(size)]: "" })) === "chunk",
  ],
  [
    "attribute's value",
    limits.attributeValue,
    (size) => kindOf("attributes", JSON.stringify({ n: "v".repeat(size) })) === "chunk",
  ],
  ["all attributes", limits.attributesText, (size) => kindOf("attributes", pairsOf(size)) === "chunk"],
  [
    "file's attributes",
    limits.attributes,
    (size) => isTaken("files/u/0/0", file({ attributes: pairsIn(size) })),
  ],
  [
    "mark's attributes",
    limits.attributes,
    (size) => {
      const checksum = `md5:${"0f".repeat(16)}`;
      const early = [{ path: "a", version: 5, size: 5, checksum, attributes: pairsIn(size) }];
      return isTaken("done/g/u/0", { format: 1, to: 9, at: 9, but: [], also: [], early, by: {}, time });
    },
  ],
  ["host", limits.host, (size) => isTaken("name/u", nameOf({ host: "h".repeat(size) }))],
  ["instance", limits.instance, (size) => isTaken("name/u", nameOf({ instance: "i".repeat(size) }))],
  ["process", limits.process, (size) => isTaken("name/u", nameOf({ process: "i".repeat(size) }))],
  ["inode", limits.inode, (size) => isTaken("files/u/0/0", file({ inode: "1".repeat(size) }))],
  ["topic", limits.topicId, (size) => isTaken("files/u/0/0", file({ topic: "t".repeat(size) }))],
  ["file's from", limits.fromText, (size) => isTaken("files/u/0/0", file({ from: "f".repeat(size) }))],
  ["file's to", limits.fromText, (size) => isTaken("files/u/0/0", file({ to: "f".repeat(size) }))],
  ["file's partition", limits.partition, (size) => isTaken("files/u/0/0", file({ partition: size }))],
  ["file's path", limits.path, (size) => isTaken("files/u/0/0", file({ path: pathOf(size) }))],
  [
    "file's places before",
    limits.was,
    (size) => isTaken("files/u/0/0", file({ was: Array(size).fill(was) })),
  ],
  ["files", limits.files, (size) => isTaken("files/u/0/0", batch(Array(size).fill(tiny)))],
  ["open", limits.open, (size) => isTaken("files/u/0/0", { ...batch([]), open: Array(size).fill(5) })],
  ["start's partitions", limits.startPartitions, (size) => isTaken("start/g", start(offsetsOf(size)))],
  ["start's partition", limits.partition, (size) => isTaken("start/g", start({ [size]: 0 }))],
  [
    "entry",
    limits.entry,
    (size) => isTaken("failed/g/u/5/a", padded(size, { format: 1, reason: "r", time })),
  ],
  ["start entry", limits.startEntry, (size) => isTaken("start/g", padded(size, start({})))],
];

for (const [what, most, take] of cases) {
  test(`${what}: what is at the limit is taken, what is one over it is not`, () => {
    expect([take(most - 1), take(most), take(most + 1)]).toEqual([true, true, false]);
  });
}

test("a path of any length is refused, and not kept", () => {
  for (const size of [limits.path + 1, limits.pathText + 1, 1_000_000]) {
    const decoded = decodeRecord(withHeader(good, "path", pathOf(size)).headers, good.value);
    expect(decoded).toMatchObject({ kind: "refused", reason: `path is longer than ${limits.path} bytes` });
    expect(JSON.stringify(decoded).length).toBeLessThan(limits.pathText + 200);
  }
});

test("a header of ours that is longer than any is broken, one of others is none of our business", () => {
  expect(kindOf("checksum", "c".repeat(1_000_000))).toBe("broken");
  expect(kindOf("other", "c".repeat(1_000_000))).toBe("chunk");
  expect(kindOf(`!${"n".repeat(1000)}`, "c")).toBe("newer");
});

test("reasons are cut where they are written", () => {
  const long = "é".repeat(5000);
  expect(encodeAbandoned({ uploader: "u", path: "a", version: 5 }, long).at(-1)).toEqual({
    abandoned: cutTo(long, limits.reason),
  });
  const value = encodeEntryValue({
    kind: "failed",
    group: "g",
    uploader: "u",
    path: "a",
    version: 5,
    format: 1,
    reason: long,
    time,
  });
  expect(decodeEntry(Buffer.from("failed/g/u/5/a"), Buffer.from(value ?? ""))).toMatchObject({
    reason: cutTo(long, limits.reason),
  });
});

test("a text is cut between two characters", () => {
  expect(cutTo("abc", 3)).toBe("abc");
  expect(cutTo("abcd", 3)).toBe("ab…");
  expect(cutTo("a😀bc", 3)).toBe("a…");
});

test("an entry that breaks a limit is broken, a newer one or another kind unknown", () => {
  const kind = (key: string, value: object | string) =>
    decodeLedgerRecord(
      Buffer.from(key),
      Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
    );
  expect(kind("files/u/0/0", file({ path: "../x" }))).toBe("broken");
  expect(kind("files/u/0", file({}))).toBe("broken");
  expect(kind("needs/g/u/5/a", "{")).toBe("broken");
  expect(kind("needs/g/u/5/a", { format: 2 })).toBe("unknown");
  expect(kind("doctor/u", {})).toBe("unknown");
  expect(kind(`needs/${"g".repeat(1_000_000)}`, {})).toBe("broken");
  expect(decodeLedgerRecord(null, null)).toBe("unknown");
});

function kindOf(header: string, text: string): string {
  const value = header === "abandoned" ? Buffer.alloc(0) : good.value;
  return decodeRecord(withHeader(good, header, text).headers, value).kind;
}

const pairsIn = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, ""]));
const pairs = (count: number) => JSON.stringify(pairsIn(count));

/** JSON of so many bytes, of sixteen pairs that are good each: control characters take six. */
function pairsOf(size: number): string {
  const values = Array.from({ length: limits.attributes }, () => "");
  const text = () => JSON.stringify(Object.fromEntries(values.map((value, at) => [`k${at}`, value])));
  for (let at = 0; at < values.length; at++) {
    const left = size - text().length;
    values[at] = "\u0001".repeat(Math.min(256, Math.floor(left / 6)));
    if (left < 6 * 256) values[at] += "x".repeat(left % 6);
  }
  return text();
}

/** Segments of a hundred bytes. */
function pathOf(size: number): string {
  const path = `${"p".repeat(99)}/`.repeat(Math.ceil(size / 100)).slice(0, size);
  return path.endsWith("/") ? `${path.slice(0, -1)}p` : path;
}

const start = (offsets: object) => ({ format: 1, topic: "t", offsets, time });
const offsetsOf = (size: number) => Object.fromEntries(Array.from({ length: size }, (_, at) => [at, 5]));
const nameOf = (fields: object) => ({
  format: 1,
  instance: "i",
  host: "h",
  state: "held",
  highest: 5,
  ...fields,
});
const tiny = { path: "a", version: 5, state: "sent", size: 5, mtime: "1", ctime: "1", inode: "2" };
const was = { topic: "t", partition: 0, offset: 7, at: 3 };
const batch = (files: readonly object[]) => ({ format: 1, open: [], next: 6, files });
const file = (fields: object) => batch([{ ...tiny, ...fields }]);

/** With a field that nobody knows, so that it is of this size as JSON. */
function padded(size: number, value: object): object {
  const bare = JSON.stringify({ ...value, pad: "" }).length;
  return { ...value, pad: "x".repeat(size - bare) };
}
