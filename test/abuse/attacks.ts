/**
 * What a stranger writes who may write to both topics: each attack is a handful of records a turn, and is tried again and
 * again, with other names each time.
 */
import { randomBytes } from "node:crypto";
import { chunkAt, withHeader } from "../support/hand-made.ts";
import type { PlainRecord } from "../support/records.ts";

export type Codec = "none" | "gzip" | "snappy" | "lz4" | "zstd";

export interface Attack {
  name: string;
  on: "chunks" | "ledger";
  codec?: Codec;
  /** The records of a turn. */
  records(target: Target, turn: number): PlainRecord[];
}

/** Whom it is aimed at. */
export interface Target {
  uploader: string;
  group: string;
  topicId: string;
  /** A file of the uploader that has arrived, and its version. */
  path: string;
  version: number;
}

const MiB = 1 << 20;
const control = "\x1b[2J\r\n\x00\u009b31m\u202e\u2028";
const format = 1;
const time = "2025-04-15T18:30:49.202Z";
const checksum = `md5:${"0f".repeat(16)}`;
/** As long as a path may be. */
const longPath = (text: string) => `${`${"p".repeat(249)}/`.repeat(15)}${text}`;
const many = <Item>(count: number, make: (at: number) => Item) =>
  Array.from({ length: count }, (_, at) => make(at));
const entry = (key: string, value: object | Buffer | null): PlainRecord => ({
  key,
  value: value === null || Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)),
  headers: [],
});
const chunk = (uploader: string, path: string, size = 1, topicId = "AAAAAAAAAAAAAAAAAAAAAA") => {
  const content = Buffer.alloc(size, 7);
  return chunkAt({ uploader, path, content, topicId }, 0, content.subarray(0, Math.ceil(size / 2)));
};
/** Of April 2025: a version that may be. */
const past = 1_744_741_849_202_123;
const fileOf = (path: string, version: number, more: object = {}) => ({
  ...{ path, version, state: "sent", size: 1_000_000, mtime: "1", ctime: "1", inode: "1", checksum },
  ...more,
});
/** A batch, as an uploader notes it. */
const batch = (uploader: string, slot: number, files: readonly object[], open: readonly number[] = []) =>
  entry(`files/${uploader}/1/${slot}`, { format, open, next: past + 1_000_000, files });

const bombs = (["gzip", "snappy", "lz4", "zstd"] as const).flatMap((codec) =>
  (["chunks", "ledger"] as const).flatMap((on): Attack[] => [
    {
      name: `a record of ${codec} that becomes huge, on the ${on}`,
      on,
      codec,
      records: () => [entry("bomb", Buffer.alloc((codec === "snappy" ? 16 : 90) * MiB))],
    },
    {
      name: `many records of ${codec} that become large, on the ${on}`,
      on,
      codec,
      records: (_, turn) => many(10, (at) => entry(`large-${turn}-${at}`, Buffer.alloc(3 * MiB))),
    },
  ]),
);

const ofChunks: Attack[] = [
  {
    name: "records of a byte each, tens of thousands",
    on: "chunks",
    records: () => many(20_000, () => entry("", Buffer.from("x"))),
  },
  {
    name: "paths of 900 kB",
    on: "chunks",
    records: (_, turn) =>
      many(20, (at) => withHeader(chunk("u", "a"), "path", `${"p".repeat(900_000)}${turn}-${at}`)),
  },
  {
    name: "the longest paths, of uploaders without end, begun and never ended",
    on: "chunks",
    records: ({ topicId }, turn) =>
      many(200, (at) => chunk(`u-${turn}-${at}`, longPath(`${turn}-${at}`), 2, topicId)),
  },
  {
    name: "names that are refused, each another one",
    on: "chunks",
    records: (_, turn) => many(300, (at) => chunk("u", `../${control}${turn}-${at}`)),
  },
  {
    name: "places without end in `from`",
    on: "chunks",
    records: ({ topicId }) =>
      many(5, (at) => withHeader(chunk("u", `from-${at}`, 2), "from", `${topicId}${" 0@0".repeat(200_000)}`)),
  },
  {
    name: "files that are said to be spread over as many partitions as may be named",
    on: "chunks",
    records: ({ topicId }, turn) =>
      many(100, (at) => {
        const from = `${topicId}${many(256, (partition) => ` ${partition}@0`).join("")}`;
        return withHeader(chunk(`spread-${turn}`, `f-${at}`, 2, topicId), "from", from);
      }),
  },
  {
    name: "middles of files whose beginning is said to be at the log's",
    on: "chunks",
    records: ({ topicId }, turn) =>
      many(20, (at) => {
        const content = Buffer.alloc(11_000, at);
        const file = { uploader: `middle-${turn}`, path: `f-${at}`, content, topicId };
        return withHeader(chunkAt(file, 5000, content.subarray(5000, 9000)), "from", `${topicId} 0@0`);
      }),
  },
  {
    name: "headers by the thousand, and of half a megabyte",
    on: "chunks",
    records: () => [
      { key: "k", value: null, headers: many(10_000, (at) => ({ [`h${at}`]: "v" })) },
      ...many(20, () => ({
        key: "k",
        value: null,
        headers: [{ streamsend: "1" }, { x: "v".repeat(500_000) }],
      })),
      ...many(5, () => ({ key: "k".repeat(500_000), value: null, headers: [{ "!x": control }] })),
    ],
  },
  {
    name: "sizes and versions as large as numbers go",
    on: "chunks",
    records: ({ topicId }, turn) =>
      many(100, (at) => {
        const record = withHeader(chunk(`big-${turn}`, `f-${at}`, 2, topicId), "size", "9007199254740991");
        return withHeader(record, "version", "9007199254740991");
      }),
  },
  {
    name: "control characters in every text, and garbage",
    on: "chunks",
    records: () => [
      ...["uploader", "path", "version", "offset", "from", "checksum", "abandoned", "streamsend"].map(
        (name) => withHeader(chunk("u", "a"), name, control),
      ),
      ...many(50, () => entry(randomBytes(20).toString("latin1"), randomBytes(2000))),
    ],
  },
];

const ofLedger: Attack[] = [
  {
    name: "receipts of files that nobody sent",
    on: "ledger",
    records: ({ uploader, group }, turn) =>
      many(200, (at) => {
        const id = `${group}/${uploader}/${5 + at}/${longPath(`${turn}-${at}`)}`;
        return at % 2 === 0
          ? entry(`again/${id}`, { format, time })
          : entry(`failed/${id}`, { format, reason: control.repeat(100), time });
      }),
  },
  {
    name: "marks of uploaders that there are not, and of one that there is",
    on: "ledger",
    records: ({ uploader, group }, turn) =>
      many(200, (at) => {
        const early = [{ path: longPath(`${turn}-${at}`), version: 5 + at, size: 5, checksum }];
        const lists = { but: Array(100).fill(at), also: Array(100).fill(at), early, by: { s: at } };
        const of = at % 2 === 0 ? `${uploader}-${turn}-${at}` : uploader;
        return entry(`done/${group}/${of}/${1000 + at}`, { format, to: 9, at: 0, ...lists, time });
      }),
  },
  {
    name: "reasons and names of 900 kB",
    on: "ledger",
    records: ({ uploader, group }, turn) => [
      ...many(5, (at) =>
        entry(`failed/${group}/${uploader}/5/r-${turn}-${at}`, { format, reason: "r".repeat(900_000), time }),
      ),
      ...many(5, (at) => entry(`needs/${group}/${uploader}/5/${"p".repeat(900_000)}${at}`, null)),
    ],
  },
  {
    name: "requests of ranges without end, of the file and of files that are not there",
    on: "ledger",
    records: ({ uploader, group, path, version }, turn) => [
      entry(`needs/${group}/${uploader}/${version}/${path}`, {
        format,
        ranges: many(50_000, (at) => [at, at + 1]),
        time,
      }),
      ...many(300, (at) =>
        entry(`needs/${group}/${uploader}/${version}/none-${turn}-${at}`, { format, ranges: [[0, 5]], time }),
      ),
    ],
  },
  {
    name: "requests of groups without end for the file",
    on: "ledger",
    records: ({ uploader, path, version }, turn) =>
      many(100, (at) =>
        entry(`needs/g-${turn}-${at}/${uploader}/${version}/${path}`, { format, ranges: [[0, 1]], time }),
      ),
  },
  {
    name: "files that were said to be sent, of uploaders without end",
    on: "ledger",
    records: ({ topicId }, turn) =>
      many(200, (at) => {
        const from = `${topicId}${" 0@0".repeat(200)}`;
        const where = { topic: topicId, partition: 0, offset: at, from };
        return batch(`dead-${turn}-${at}`, 0, [fileOf(longPath(String(at)), past, where)]);
      }),
  },
  {
    name: "files that were said to be spread over as many partitions as may be named",
    on: "ledger",
    records: ({ topicId }, turn) =>
      many(100, (at) => {
        const places = (offset: number) =>
          `${topicId}${many(256, (partition) => ` ${partition}@${offset}`).join("")}`;
        const where = { topic: topicId, partition: 0, offset: at, from: places(0), to: places(at) };
        return batch(`spread-${turn}`, at, [fileOf(longPath(String(at)), past + at, where)]);
      }),
  },
  {
    name: "files of one uploader that were said to be sent, with a version as large as numbers go",
    on: "ledger",
    records: ({ topicId, uploader }, turn) =>
      many(20, (at) => {
        const where = { topic: topicId, partition: 0, offset: at };
        const file = fileOf(`v-${turn}-${at}`, Number.MAX_SAFE_INTEGER, where);
        return batch(at % 2 ? uploader : "other", at, [file]);
      }),
  },
  {
    name: "broken entries and garbage",
    on: "ledger",
    records: ({ uploader, group }) => [
      batch(uploader, 100, [fileOf("a", past, { from: "f".repeat(500_000) })]),
      batch(uploader, 101, [fileOf("../../x", past)]),
      entry(`start/${group}x`, {
        format,
        topic: "t",
        offsets: Object.fromEntries(many(50_000, (at) => [at, 5])),
        time,
      }),
      entry(`name/${uploader}x`, {
        format,
        host: control,
        instance: "i".repeat(100_000),
        state: "held",
        highest: 5,
      }),
      ...many(50, () => entry(`needs/${randomBytes(20).toString("latin1")}`, randomBytes(2000))),
      ...many(50, () => entry(randomBytes(20).toString("latin1"), Buffer.from(`${"[".repeat(30_000)}`))),
    ],
  },
  {
    name: "tombstones of receipts that there are not",
    on: "ledger",
    records: ({ uploader, group }, turn) =>
      many(300, (at) => entry(`again/${group}/${uploader}/5/t-${turn}-${at}`, null)),
  },
];

export const attacks: readonly Attack[] = [...bombs, ...ofChunks, ...ofLedger];
