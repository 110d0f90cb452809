import { expect, test } from "bun:test";
import type { Ledger, LoggedEntry } from "../../../../agent/ledger/ledger.ts";
import { forgetGone, type LogStart } from "../../../../agent/ledger/uploader/forget-gone.ts";
import { UploaderLedger } from "../../../../agent/ledger/uploader/uploader-ledger.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { decodeEntry, type Entry } from "../../../../agent/wire/entry.ts";
import { encodeEntryKey } from "../../../../agent/wire/entry-key.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";

/** As it is read from the log. */
function goneFile(path: string, says: Partial<FileValue> = {}): Entry {
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const value = { format: 1, version: 1, state: "gone", size: 1, ...times, ...says };
  const entry = decodeEntry(Buffer.from(`file/uploader/${path}`), Buffer.from(JSON.stringify(value)));
  if (!entry) throw new Error("it is no entry");
  return entry;
}

/** With these as the log has them; a write ends when its function in `writes` is called. */
async function openWith(logged: readonly Entry[]) {
  const entries = logged.map(
    (entry, at): LoggedEntry => ({ entry, partition: 0, offset: at, timestampMs: 0 }),
  );
  let read = false;
  const reader = {
    get caughtUp() {
      return read;
    },
    read: async () => {
      read = true;
      return entries;
    },
    position: () => entries.length,
    close: async () => undefined,
  };
  const written: Entry[] = [];
  const writes: (() => void)[] = [];
  const ledger = {
    partitionOf: () => 0,
    open: async () => reader,
    endOf: async () => entries.length,
    writable: async () => undefined,
    look: async () => undefined,
    retrying: (_: string, attempt: () => Promise<void>) => attempt(),
    write: async (entry: Entry) => {
      await new Promise<void>((end) => writes.push(end));
      written.push(entry);
    },
  };
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const opened = await UploaderLedger.open("uploader", ledger as unknown as Ledger, undefined, log);
  const forget = (logStart: LogStart) => forgetGone({ ledger: opened, retentionMs: 0, logStart, log });
  return { ledger: opened, writes, written, forget };
}

test("what is gone and expired is forgotten with many writes at a time, and a bounded number of them", async () => {
  const { ledger, writes, written, forget } = await openWith(
    Array.from({ length: 100 }, (_, at) => goneFile(String(at))),
  );
  const forgotten = forget(async () => 0);
  let rounds = 0;
  while (written.length < 100) {
    await Bun.sleep(0);
    expect(writes.length).toBeLessThanOrEqual(32);
    for (const end of writes.splice(0)) end();
    rounds++;
    if (rounds > 1000) throw new Error("it does not go on");
  }
  await forgotten;
  expect(
    new Set(written.map((entry) => (entry.kind === "tombstone" ? encodeEntryKey(entry.key) : ""))).size,
  ).toBe(100);
  expect([...ledger.paths()]).toEqual([]);
  expect(rounds).toBeLessThan(20);
});

test("what a group has of a version without an entry is known, unless its entry may be forgotten or it can't have been sent yet", async () => {
  const content = { size: 5, checksum: "md5:5d41402abc4b2a76b9719d911017c592", mtime: "7" };
  const { ledger } = await openWith([
    goneFile("a"),
    {
      kind: "delivered",
      group: "hub",
      uploader: "uploader",
      path: "a",
      version: 2,
      format: 1,
      ...content,
      time: "",
    },
    {
      kind: "delivered",
      group: "hub",
      uploader: "uploader",
      path: "b",
      version: 1,
      format: 1,
      ...content,
      time: "",
    },
    {
      // An hour from now.
      kind: "delivered",
      group: "hub",
      uploader: "uploader",
      path: "d",
      version: 3600e6,
      format: 1,
      ...content,
      time: "",
    },
  ]);
  expect(ledger.deliveredUnnoted("a", 60_000)).toMatchObject({ version: 2, ...content });
  expect(ledger.deliveredUnnoted("b", 60_000)).toMatchObject({ version: 1, ...content });
  expect(ledger.deliveredUnnoted("c", 60_000)).toBeUndefined();
  // It was sent in 1970.
  expect(ledger.deliveredUnnoted("a", 0)).toBeUndefined();
  expect(ledger.deliveredUnnoted("d", 60_000)).toBeUndefined();
});

test("what is gone is remembered as long as a chunk of it is in the log", async () => {
  const logs = ["topic", "topic", "topic", "before", "topic"];
  const sent = (topic: string, at: number) =>
    goneFile(String(at), { topic, partition: [0, 0, 1, 0, 2][at] ?? 0, offset: 5 + (at % 2) });
  const { ledger, writes, forget } = await openWith(logs.map(sent));
  const asked: string[] = [];
  const forgotten = forget(async (topic, partition) => {
    asked.push(`${topic} ${partition}`);
    if (partition === 2) throw new Error("it has no leader");
    return topic === "before" ? Number.POSITIVE_INFINITY : 6 * (1 - partition);
  });
  while (writes.length < 2) await Bun.sleep(0);
  for (const end of writes) end();
  await forgotten;
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
  const entry = ledger.file("a");
  if (!entry) throw new Error("it is not known");
  const gone = ledger.put("a", { ...entry, state: "gone" });
  const sent = ledger.put("b", { ...entry, version: 2 });
  while (writes.length < 2) await Bun.sleep(0);
  expect([ledger.file("a")?.state, ledger.file("b")?.state]).toEqual(["sent", undefined]);
  expect([ledger.isPresent("a"), ledger.isPresent("b")]).toEqual([true, false]);
  for (const end of writes.splice(0)) end();
  await Promise.all([gone, sent]);
  expect([ledger.file("a")?.state, ledger.file("b")?.state]).toEqual(["gone", "sent"]);
});

test("what is to be written of one path is written in the order in which it was asked for", async () => {
  const { ledger, writes, written } = await openWith([goneFile("a", { ...whole, state: "sent" })]);
  const entry = ledger.file("a");
  if (!entry) throw new Error("it is not known");
  const both = Promise.all([2, 3].map((version) => ledger.put("a", { ...entry, version })));
  while (writes.length < 1) await Bun.sleep(0);
  await Bun.sleep(1);
  expect(writes).toHaveLength(1);
  for (let left = 2; left > 0; left--) {
    while (writes.length < 1) await Bun.sleep(0);
    writes.pop()?.();
  }
  await both;
  expect(written.map((entry) => (entry.kind === "file" ? entry.version : undefined))).toEqual([2, 3]);
  expect(ledger.file("a")?.version).toBe(3);
});

test("an entry with a version that nothing could follow is ignored, and one of an agent that had lost the name", async () => {
  const held = { format: 1, instance: "x", host: "h", state: "released", highest: 5 } as const;
  const { ledger } = await openWith([
    goneFile("impossible", { ...whole, state: "sent", version: Number.MAX_SAFE_INTEGER }),
    goneFile("before", { ...whole, state: "sent", epoch: 0 }),
    { kind: "name", uploader: "uploader", ...held },
    goneFile("stale", { ...whole, state: "sent", epoch: 1 }),
    goneFile("good", { ...whole, state: "sent", epoch: 2 }),
    goneFile("without", { ...whole, state: "sent" }),
  ]);
  expect([...ledger.paths()]).toEqual(["before", "good", "without"]);
});

test("what has come back, and is just being noted, is not forgotten as gone", async () => {
  const { ledger, writes, written, forget } = await openWith([goneFile("a")]);
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = { topic: "topic", partition: 0, offset: 1, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  const put = ledger.put("a", { format: 1, version: 2, state: "sent", size: 1, ...times, ...where });
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
  expect(written.map(({ kind }) => kind)).toEqual(["file"]);
  expect(ledger.file("a")?.version).toBe(2);
});
