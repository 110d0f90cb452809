import { describe, expect, test } from "bun:test";
import {
  decodeEntry,
  type Entry,
  encodeEntryValue,
  encodeMeantFor,
  isMeantForAnother,
  keyOf,
  tombstone,
} from "../../../agent/wire/entry.ts";
import { encodeEntryKey, entryPartitionKey, partitionOfEntry } from "../../../agent/wire/entry-key.ts";

const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
const time = "2025-04-15T18:30:49.202Z";
const version = 1744741849202123;
const topic = "n8XqQ1tHQbGqGL8hUaTcAw";
const receipt = { group: "streamsend", uploader: "pos-0042", version, path: "dir/a.txt" };
const held = { format: 1, instance: "5f0c", host: "till-7", state: "held", highest: version } as const;
const nanoseconds = "1744741849202123456";
const file = { version, size: 5, mtime: nanoseconds, ctime: nanoseconds, inode: "1311" } as const;

/** [key, value as JSON, entry], as docs/protocol.md writes them. */
const golden: [string, string, Entry][] = [
  [
    "name/pos-0042",
    `{"format":1,"instance":"5f0c","host":"till-7","state":"held","highest":1744741849202123}`,
    { kind: "name", uploader: "pos-0042", ...held },
  ],
  [
    "name/pos-0042",
    `{"format":1,"instance":"5f0c","host":"till-7","state":"held","highest":1744741849202123,"epoch":55,"process":"1b4e 4026531836 77 8100"}`,
    { kind: "name", uploader: "pos-0042", ...held, epoch: 55, process: "1b4e 4026531836 77 8100" },
  ],
  [
    "name/pos-0042",
    `{"format":1,"instance":"5f0c","host":"till-7","state":"held","highest":1744741849202123,"after":50}`,
    { kind: "name", uploader: "pos-0042", ...held, after: 50 },
  ],
  [
    "claim/pos-0042",
    `{"format":1,"instance":"77aa","host":"till-8"}`,
    { kind: "claim", uploader: "pos-0042", format: 1, instance: "77aa", host: "till-8" },
  ],
  ["layout", `{"format":1,"partitions":64}`, { kind: "layout", format: 1, partitions: 64 }],
  [
    "files/pos-0042/55/3",
    `{"format":1,"next":1744741849202125,"open":[1744741849202124],"files":[{"path":"dir/a.txt","version":1744741849202123,"state":"sent","size":5,"mtime":"1744741849202123456","ctime":"1744741849202123456","inode":"1311","topic":"n8XqQ1tHQbGqGL8hUaTcAw","partition":0,"checksum":"${checksum}","attributes":{"store":"0042","region":"nörd"},"offset":1234}]}`,
    {
      ...{ kind: "files", uploader: "pos-0042", epoch: 55, slot: 3, format: 1 },
      ...{ open: [version + 1], next: version + 2 },
      files: [
        {
          ...{ path: "dir/a.txt", ...file, state: "sent", topic, partition: 0, checksum, offset: 1234 },
          attributes: { store: "0042", region: "nörd" },
        },
      ],
    },
  ],
  [
    "files/pos-0042/0/0",
    `{"format":1,"next":1744741849202124,"open":[],"files":[{"path":"video.avi","version":1744741849202123,"state":"gone","size":5,"mtime":"1744741849202123456","ctime":"1744741849202123456","inode":"1311","topic":"n8XqQ1tHQbGqGL8hUaTcAw","partition":0,"from":"${topic} 0@1200","checksum":"${checksum}","offset":1234,"answered":5678,"since":1744741849202,"at":77,"was":[{"topic":"old","partition":2,"offset":8,"at":66}]},{"path":"spread.avi","version":1744741849202123,"state":"sent","size":5,"mtime":"1744741849202123456","ctime":"1744741849202123456","inode":"1311","topic":"n8XqQ1tHQbGqGL8hUaTcAw","partition":1,"from":"${topic} 1@1200 0@900","to":"${topic} 1@1234 0@905","checksum":"${checksum}","offset":1234},{"path":"caf%E9 100%25.txt","version":1744741849202123,"state":"sending","size":5,"mtime":"1744741849202123456","ctime":"1744741849202123456","inode":"1311","from":"${topic} 0@1234","acknowledged":4}],"moved":true}`,
    {
      ...{ kind: "files", uploader: "pos-0042", epoch: 0, slot: 0, format: 1, moved: true },
      ...{ open: [], next: version + 1 },
      files: [
        {
          ...{ path: "video.avi", ...file, state: "gone", topic, partition: 0, from: `${topic} 0@1200` },
          ...{ checksum, offset: 1234, answered: 5678, since: 1744741849202, at: 77 },
          was: [{ topic: "old", partition: 2, offset: 8, at: 66 }],
        },
        {
          ...{ path: "spread.avi", ...file, state: "sent", topic, partition: 1, checksum, offset: 1234 },
          ...{ from: `${topic} 1@1200 0@900`, to: `${topic} 1@1234 0@905` },
        },
        {
          ...{ path: "caf%E9 100%25.txt", ...file, state: "sending" },
          ...{ from: `${topic} 0@1234`, acknowledged: 4 },
        },
      ],
    },
  ],
  [
    `failed/a%2Fb%25/pos-0042/${version}/dir/a.txt`,
    `{"format":1,"reason":"file name too long","time":"${time}"}`,
    { kind: "failed", ...receipt, group: "a/b%", format: 1, reason: "file name too long", time },
  ],
  [
    `needs/streamsend/pos-0042/${version}/dir/a.txt`,
    `{"format":1,"ranges":[[0,943759]],"time":"${time}"}`,
    { kind: "needs", ...receipt, format: 1, ranges: [[0, 943759]], time },
  ],
  [
    "start/a%2Fb%25",
    `{"format":1,"topic":"${topic}","offsets":{"0":1234},"time":"${time}"}`,
    { kind: "start", group: "a/b%", format: 1, topic, offsets: { "0": 1234 }, time },
  ],
];

describe("an entry is written and read as the specification has it", () => {
  test.each(golden)("%s %s", (key, json, entry) => {
    expect(decodeEntry(Buffer.from(key), Buffer.from(json))).toEqual(entry);
    expect(encodeEntryKey(keyOf(entry))).toBe(key);
    expect(JSON.parse(encodeEntryValue(entry) ?? "")).toEqual(JSON.parse(json));
  });

  test.each(golden)("%s as a tombstone", (key, _, entry) => {
    expect(decodeEntry(Buffer.from(key), null)).toEqual(tombstone(keyOf(entry)));
    expect(encodeEntryValue(tombstone(keyOf(entry)))).toBeNull();
  });
});

test("the partition is that of the uploader's name, for a group's start that of the group", () => {
  expect(entryPartitionKey({ kind: "files", uploader: "pos-0042", epoch: 0, slot: 0 })).toBe("pos-0042");
  expect(entryPartitionKey({ kind: "failed", ...receipt })).toBe("pos-0042");
  expect(entryPartitionKey({ kind: "start", group: "a/b%" })).toBe("a/b%");
  expect(partitionOfEntry({ kind: "layout" }, 64)).toBe(0);
  expect(partitionOfEntry({ kind: "claim", uploader: "pos-0042" }, 64)).toBe(
    partitionOfEntry({ kind: "name", uploader: "pos-0042" }, 64),
  );
});

test("a file that is said to be sent, and not what or where, is known as incomplete, and written as it was read", () => {
  const [key = "", json = ""] = golden.find(([, , entry]) => entry.kind === "files") ?? [];
  for (const field of ["topic", "partition", "checksum", "offset"]) {
    const { files, ...batch } = JSON.parse(json);
    const { [field]: _, ...rest } = files[0];
    const said = { ...batch, files: [rest] };
    const entry = decodeEntry(Buffer.from(key), Buffer.from(JSON.stringify(said)));
    expect(entry).toMatchObject({ kind: "files", files: [{ state: "incomplete", version }] });
    expect(entry && JSON.parse(encodeEntryValue(entry) ?? "")).toEqual(said);
  }
});

describe("left alone is an entry", () => {
  const jsonOf = (kind: string) => golden.find(([key]) => key.startsWith(`${kind}/`))?.[1] ?? "";
  const [nameKey = "", nameJson = ""] = golden[0] ?? [];
  const [fileKey = "", fileJson = ""] = golden.find(([key]) => key.startsWith("file/")) ?? [];
  test.each<[string, string, string]>([
    ["of a newer format", nameKey, nameJson.replace(`"format":1`, `"format":2`)],
    ["without a format", nameKey, nameJson.replace(`"format":1,`, "")],
    ["of an unknown kind", "lease/pos-0042", nameJson],
    ["without a kind", "", nameJson],
    ["of no uploader's name", "name/../etc", nameJson],
    ["of an empty name", "name/", nameJson],
    ["of a name with something after it", "name/pos-0042/x", nameJson],
    ["of a file without a path", "file/pos-0042", fileJson],
    ["of a file whose path escapes no byte", "file/pos-0042/a%zz", fileJson],
    ["of a receipt whose version is no number", "failed/g/pos-0042/new/a", "{}"],
    ["of a receipt without a path", `failed/g/pos-0042/${version}`, jsonOf("failed")],
    ["of a group whose name is escaped wrongly", "start/%", jsonOf("start")],
    ["of a group without a name", "start/", jsonOf("start")],
    ["of a group whose name is longer than 249", `start/${"g".repeat(250)}`, jsonOf("start")],
    ["that is no JSON", nameKey, "held"],
    ["that is no object", nameKey, "null"],
    ["that is empty", nameKey, ""],
    ["with a state that does not exist", fileKey, fileJson.replace(`"sent"`, `"lost"`)],
    ["with a negative size", fileKey, fileJson.replace(`"size":5`, `"size":-5`)],
    ["with a size past 2^53 - 1", fileKey, fileJson.replace(`"size":5`, `"size":9007199254740993`)],
    ["with a time that is a number", fileKey, fileJson.replace(`"${nanoseconds}"`, nanoseconds)],
    ["with a checksum of no known kind", fileKey, fileJson.replace("md5:", "crc:")],
  ])("%s", (_, key, json) => {
    expect(decodeEntry(Buffer.from(key), Buffer.from(json))).toBeUndefined();
  });

  test("without a key", () => {
    expect(decodeEntry(null, Buffer.from(nameJson))).toBeUndefined();
    expect(decodeEntry(undefined, null)).toBeUndefined();
  });
});

test("fields that a later agent has added are ignored", () => {
  const [key, json, entry] = golden[0] as [string, string, Entry];
  expect(decodeEntry(Buffer.from(key), Buffer.from(json.replace("{", `{"later":[1],`)))).toEqual(entry);
});

test("an uploader's entry names the ledger that it is meant for; without a name, and of a group, it is meant for any", () => {
  const id = "n8XqQ1tHQbGqGL8hUaTcAw";
  const another = "n8XqQ1tHQbGqGL8hUaTcAx";
  const ofUploader = { kind: "name", uploader: "till" } as const;
  const ofGroup = { kind: "start", group: "inbox" } as const;
  const headers = encodeMeantFor(ofUploader, id);
  expect(headers).toEqual([{ ledger: id }]);
  expect(encodeMeantFor(ofGroup, id)).toBeUndefined();
  const read = [{ ledger: Buffer.from(id) }, { ledger: Buffer.from(another) }];
  expect(isMeantForAnother(ofUploader, read, id)).toBe(false);
  expect(isMeantForAnother(ofUploader, read, another)).toBe(true);
  expect(isMeantForAnother(ofGroup, read, another)).toBe(false);
  expect(isMeantForAnother(ofUploader, [{ other: Buffer.from("x") }], id)).toBe(false);
  expect(isMeantForAnother(ofUploader, undefined, id)).toBe(false);
  // Of brokers without topic ids.
  const none = "AAAAAAAAAAAAAAAAAAAAAA";
  expect(encodeMeantFor(ofUploader, none)).toBeUndefined();
  expect(isMeantForAnother(ofUploader, read, none)).toBe(false);
});
