import { expect, test } from "bun:test";
import { forgetGone, type LogStart } from "../../../../agent/ledger/uploader/forget-gone.ts";
import { UploaderLedger } from "../../../../agent/ledger/uploader/uploader-ledger.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { decodeEntry, type Entry, tombstone } from "../../../../agent/wire/entry.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";
import { anyEpoch } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";
import { uploaderLogOn } from "../../../support/uploader-log.ts";

/** As it is read from the log. */
function goneFile(path: string, says: Partial<FileValue> = {}, epoch = anyEpoch): Entry {
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const file = { path, version: 1, state: "gone", size: 1, ...times, ...says };
  const value = { format: 1, open: [], next: 2, files: [file] };
  const key = `files/uploader/${epoch}/${Bun.hash.crc32(path)}`;
  const entry = decodeEntry(Buffer.from(key), Buffer.from(JSON.stringify(value)));
  if (!entry) throw new Error("it is no entry");
  return entry;
}

/** With these as the log has them; after `claim` a write of files ends when its function in `writes` is called. */
async function openWith(logged: readonly Entry[]) {
  const memory = new MemoryLedger(logged);
  const written: Entry[] = [];
  const writes: (() => void)[] = [];
  const onWrite = async (entry: Entry) => {
    if (entry.kind !== "files" && entry.kind !== "tombstone") return;
    await new Promise<void>((end) => writes.push(end));
    written.push(entry);
  };
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const ledger = await UploaderLedger.open("uploader", uploaderLogOn(memory, { onWrite }), undefined, log);
  const forget = (logStart: LogStart) => forgetGone({ ledger, retentionMs: 0, logStart, log });
  return { ledger, writes, written, forget };
}

test("what is gone and expired is forgotten, and taken out of the ledger with all that stands in its slot", async () => {
  const batch = (slot: number, ...files: Entry[]): Entry => {
    const said = files.flatMap((entry) => (entry.kind === "files" ? entry.files : []));
    return {
      kind: "files",
      uploader: "uploader",
      epoch: anyEpoch,
      slot,
      format: 1,
      open: [],
      next: 2,
      files: said,
    };
  };
  const { ledger, writes, written, forget } = await openWith([
    batch(0, goneFile("a"), goneFile("b")),
    batch(1, goneFile("c"), goneFile("d", { ...whole, state: "sent" })),
  ]);
  await ledger.claim();
  const forgotten = forget(async () => 0);
  while (writes.length === 0) await Bun.sleep(0);
  for (const end of writes.splice(0)) end();
  await forgotten;
  expect(written).toEqual([tombstone({ kind: "files", uploader: "uploader", epoch: anyEpoch, slot: 0 })]);
  expect([...ledger.paths()]).toEqual(["d"]);
});

test("what a group has of a version without an entry is known, unless its entry may be forgotten or it can't have been sent yet", async () => {
  const content = { size: 5, checksum: "md5:5d41402abc4b2a76b9719d911017c592", mtime: "7" };
  const early = [
    { path: "a", version: 2, ...content },
    { path: "b", version: 1, ...content },
    // An hour from now.
    { path: "d", version: 3600e6, ...content },
  ];
  const mark: Entry = {
    ...{ kind: "done", group: "hub", uploader: "uploader", partition: 0 },
    ...{ format: 1, to: 0, at: 0, but: [], also: [], early, by: {}, time: "" },
  };
  const { ledger } = await openWith([goneFile("a"), mark]);
  expect(ledger.deliveredUnnoted("a", 60_000)).toMatchObject({ version: 2, ...content });
  expect(ledger.deliveredUnnoted("b", 60_000)).toMatchObject({ version: 1, ...content });
  expect(ledger.deliveredUnnoted("c", 60_000)).toBeUndefined();
  // It was sent in 1970.
  expect(ledger.deliveredUnnoted("a", 0)).toBeUndefined();
  expect(ledger.deliveredUnnoted("d", 60_000)).toBeUndefined();
});

test("a mark of a log whose end was cut off says nothing by its numbers", async () => {
  const mark = (at: number): Entry => ({
    ...{ kind: "done", group: "hub", uploader: "uploader", partition: 0 },
    ...{ format: 1, to: 9, at, but: [], also: [], early: [], by: {}, time: "" },
  });
  const before = await openWith([goneFile("a", { ...whole, state: "sent" }), mark(1)]);
  expect(before.ledger.feedback.receipts.isSettled("a")).toBe(true);
  const cut = await openWith([goneFile("a", { ...whole, state: "sent" }), mark(2)]);
  expect(cut.ledger.feedback.receipts.isSettled("a")).toBe(false);
});

test("what is gone is remembered as long as a chunk of it is in the log", async () => {
  const logs = ["topic", "topic", "topic", "before", "topic"];
  const sent = (topic: string, at: number) =>
    goneFile(String(at), { topic, partition: [0, 0, 1, 0, 2][at] ?? 0, offset: 5 + (at % 2) });
  const { ledger, writes, forget } = await openWith(logs.map(sent));
  await ledger.claim();
  const asked: string[] = [];
  const ends = setInterval(() => {
    for (const end of writes.splice(0)) end();
  }, 1);
  await forget(async (topic, partition) => {
    asked.push(`${topic} ${partition}`);
    if (partition === 2) throw new Error("it has no leader");
    return topic === "before" ? Number.POSITIVE_INFINITY : 6 * (1 - partition);
  });
  clearInterval(ends);
  expect([...ledger.paths()]).toEqual(["1", "2", "4"]);
  expect(asked).toEqual(["topic 0", "topic 1", "before 0", "topic 2"]);
});

test("what is gone and was spread is remembered as long as a chunk of it is in any of its partitions", async () => {
  const sent = goneFile("video", {
    ...{ topic: "topic", partition: 1, offset: 5 },
    ...{ from: "topic 1@0 0@0 2@0", to: "topic 1@5 0@9" },
  });
  const { ledger, writes, forget } = await openWith([sent]);
  const starts = [9, 6, 0];
  await forget(async (_, partition) => starts[partition] ?? 0);
  expect([...ledger.paths()]).toEqual(["video"]);
  starts[0] = 10;
  const forgotten = forget(async (_, partition) => starts[partition] ?? 0);
  while (writes.length < 1) await Bun.sleep(0);
  for (const end of writes) end();
  await forgotten;
  expect([...ledger.paths()]).toEqual([]);
});

test("a version that is said to be sent, without its checksum or its place, is not known", async () => {
  const whole = { state: "sent", checksum: "md5:5d41402abc4b2a76b9719d911017c592", topic: "t", partition: 0 };
  const entries = [
    goneFile("whole", { ...whole, state: "sent", offset: 3 }),
    goneFile("no checksum", { state: "sent", topic: "t", partition: 0, offset: 3 }),
    goneFile("no place", { ...whole, state: "sent" }),
  ];
  const { ledger } = await openWith(entries);
  expect([...ledger.paths()]).toEqual(["whole"]);
});

const whole = {
  checksum: "md5:5d41402abc4b2a76b9719d911017c592",
  topic: "t",
  partition: 0,
  offset: 3,
} as const;

test("a path is known as sent, or as gone, once the ledger has it, and not before", async () => {
  const { ledger, writes } = await openWith([goneFile("a", { ...whole, state: "sent" })]);
  await ledger.claim();
  const entry = ledger.file("a");
  if (!entry) throw new Error("it is not known");
  const gone = ledger.put("a", { ...entry, state: "gone" });
  const sent = ledger.put("b", { ...entry, version: 2 });
  while (writes.length < 1) await Bun.sleep(0);
  expect([ledger.file("a")?.state, ledger.file("b")?.state]).toEqual(["sent", undefined]);
  expect([ledger.isPresent("a"), ledger.isPresent("b")]).toEqual([true, false]);
  for (const end of writes.splice(0)) end();
  await Promise.all([gone, sent]);
  expect([ledger.file("a")?.state, ledger.file("b")?.state]).toEqual(["gone", "sent"]);
});

test("what is to be written of one path is written in the order in which it was asked for", async () => {
  const { ledger, writes, written } = await openWith([goneFile("a", { ...whole, state: "sent" })]);
  await ledger.claim();
  const entry = ledger.file("a");
  if (!entry) throw new Error("it is not known");
  const both = Promise.all([2, 3].map((version) => ledger.put("a", { ...entry, version })));
  while (writes.length < 1) await Bun.sleep(0);
  await Bun.sleep(1);
  expect(writes).toHaveLength(1);
  const ends = setInterval(() => {
    for (const end of writes.splice(0)) end();
  }, 1);
  await both;
  clearInterval(ends);
  const files = written.flatMap((entry) => (entry.kind === "files" ? entry.files : []));
  expect(files.map(({ version }) => version)).toEqual([2, 3]);
  expect(ledger.file("a")?.version).toBe(3);
});

test("an entry with a version that nothing could follow is ignored, and one of an agent that had lost the name", async () => {
  const held = { format: 1, instance: "x", host: "h", state: "released", highest: 5 } as const;
  const { ledger } = await openWith([
    goneFile("impossible", { ...whole, state: "sent", version: Number.MAX_SAFE_INTEGER }),
    goneFile("before", { ...whole, state: "sent" }, 0),
    { kind: "name", uploader: "uploader", ...held },
    goneFile("stale", { ...whole, state: "sent" }, 1),
    goneFile("good", { ...whole, state: "sent" }, 2),
    goneFile("without", { ...whole, state: "sent" }),
  ]);
  expect([...ledger.paths()]).toEqual(["before", "good", "without"]);
});

test("an older version that was noted behind a newer one, by an agent that had lost the name, does not take its place", async () => {
  const held = { format: 1, instance: "x", host: "h", state: "released", highest: 9 } as const;
  const stale = { path: "a", ...whole, state: "sent", version: 3 } as const;
  const { ledger } = await openWith([
    goneFile("a", { ...whole, state: "sent", version: 5 }, 2),
    {
      ...goneFile("b", { ...whole, state: "sent" }, 1),
      files: [{ ...stale, size: 1, mtime: "0", ctime: "0", inode: "1" }],
    } as Entry,
    // The word of who had the name then is compacted away.
    { kind: "name", uploader: "uploader", ...held, epoch: 0 },
  ]);
  expect(ledger.file("a")?.version).toBe(5);
});

test("what has come back, and is just being noted, is not forgotten as gone", async () => {
  const { ledger, writes, written, forget } = await openWith([goneFile("a")]);
  await ledger.claim();
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = { topic: "topic", partition: 0, offset: 1, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  const put = ledger.put("a", { version: 2, state: "sent", size: 1, ...times, ...where });
  while (writes.length === 0) await Bun.sleep(0);
  const forgotten = forget(async () => 0);
  await Bun.sleep(0);
  for (const end of writes.splice(0)) end();
  await put;
  const ends = setInterval(() => {
    for (const end of writes.splice(0)) end();
  }, 1);
  await forgotten;
  clearInterval(ends);
  // Its slot of before counts no longer.
  expect(written.map(({ kind }) => kind)).toEqual(["files", "tombstone"]);
  expect(ledger.file("a")?.version).toBe(2);
});
