/** What an uploader notes in batches, and finds again at its next start. */
import { expect, test } from "bun:test";
import { BatchSlots } from "../../../../agent/ledger/uploader/batch-slots.ts";
import { OpenVersions } from "../../../../agent/ledger/uploader/open-versions.ts";
import { UploaderLedger } from "../../../../agent/ledger/uploader/uploader-ledger.ts";
import { VersionLease } from "../../../../agent/ledger/uploader/version-lease.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import { keyOf } from "../../../../agent/wire/entry.ts";
import { encodeEntryKey } from "../../../../agent/wire/entry-key.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";
import { limits } from "../../../../agent/wire/limits.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";
import { Random } from "../../../support/random.ts";
import { uploaderLogOn } from "../../../support/uploader-log.ts";

const quiet = new HeardLog("till", () => undefined);

async function start(log: MemoryLedger, hooks: Parameters<typeof uploaderLogOn>[1] = {}) {
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log, hooks), undefined, quiet);
  await ledger.claim();
  return ledger;
}

function sent(version: number, says: Partial<FileValue> = {}): FileValue {
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = { topic: "topic", partition: 0, offset: 7 };
  const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
  return { version, state: "sent", size: 5, ...times, ...where, checksum, ...says } as FileValue;
}

function batchesOf(entries: readonly Entry[]) {
  return entries.flatMap((entry) => (entry.kind === "files" ? [entry] : []));
}

/** What is left when the log is compacted. */
function compact(log: MemoryLedger): MemoryLedger {
  const newest = new Map<string, [number, Entry]>();
  for (const [at, entry] of log.entries.entries()) newest.set(encodeEntryKey(keyOf(entry)), [at, entry]);
  const left = [...newest.values()].sort(([a], [b]) => a - b).map(([, entry]) => entry);
  return new MemoryLedger(left.filter(({ kind }) => kind !== "tombstone"));
}

test("what is noted at the same time is one record, and what is noted while that is written the next one", async () => {
  const log = new MemoryLedger([]);
  const held = Promise.withResolvers<void>();
  let isHeld = false;
  const onWrite = ({ kind }: Entry) => (isHeld && kind === "files" ? held.promise : Promise.resolve());
  const ledger = await start(log, { onWrite });
  isHeld = true;
  const first = Promise.all(Array.from({ length: 5 }, (_, at) => ledger.put(`a${at}`, sent(at + 1))));
  await Bun.sleep(0);
  const second = Promise.all(Array.from({ length: 7 }, (_, at) => ledger.put(`b${at}`, sent(at + 10))));
  await Bun.sleep(0);
  expect(ledger.file("a0")).toBeUndefined();
  held.resolve();
  await Promise.all([first, second]);
  expect(batchesOf(log.written).map(({ files }) => files.length)).toEqual([5, 7]);
  expect(ledger.file("b6")?.version).toBe(16);
});

test("a batch stays within an entry's limit, however long the paths are", async () => {
  const log = new MemoryLedger([]);
  const ledger = await start(log);
  const paths = Array.from({ length: 60 }, (_, at) => `${"ä".repeat(120)}/${"€".repeat(80)}/${at}`);
  await Promise.all(paths.map((path, at) => ledger.put(path, sent(at + 1))));
  expect(batchesOf(log.written).flatMap(({ files }) => files)).toHaveLength(60);
  for (const { files } of batchesOf(log.written))
    expect(Buffer.byteLength(JSON.stringify(files))).toBeLessThan(limits.entry);
});

test.each([1, 2, 3, 4, 5, 6])(
  "a start finds what was noted last, compacted or not, in few records (seed %d)",
  async (seed) => {
    const random = new Random(seed);
    let log = new MemoryLedger([]);
    const known = new Map<string, FileValue>();
    let version = 0;
    for (let starts = 0; starts < 6; starts++) {
      const ledger = await start(log);
      for (const path of ledger.paths()) {
        const found = ledger.file(path);
        // What was gone and is forgotten may come back with the others of its batch.
        if (found?.state === "gone" && !known.has(path)) known.set(path, found);
      }
      const found = new Map([...ledger.paths()].map((path) => [path, ledger.file(path)?.version]));
      expect(found).toEqual(new Map([...known].map(([path, { version }]) => [path, version])));
      for (let round = 0; round < 60; round++) {
        const notes = new Map<string, FileValue>();
        for (let count = random.below(round % 10 === 0 ? 40 : 3); count > 0; count--) {
          const path = `file-${random.below(150)}`;
          const before = random.below(5) === 0 ? known.get(path) : undefined;
          notes.set(path, before ? ({ ...before, state: "gone" } as FileValue) : sent(++version));
        }
        for (const [path, value] of notes) known.set(path, value);
        await Promise.all([...notes].map(([path, value]) => ledger.put(path, value)));
      }
      await ledger.tidy();
      for (const [path] of [...ledger.gone()]) {
        if (random.below(2) === 0) continue;
        await ledger.forget(path);
        known.delete(path);
      }
      await ledger.tidy();
      const standing = new Set(batchesOf(compact(log).entries).map(({ slot }) => slot));
      expect(standing.size).toBeLessThanOrEqual(2 * 16 + known.size / 64 + 1);
      if (random.below(2) === 0) log = compact(log);
      await ledger.release();
    }
  },
);

test("what is noted again of the same version, or moved, says where it was noted first; a newer one is news", async () => {
  const log = new MemoryLedger([]);
  const ledger = await start(log);
  await ledger.put("a", sent(1));
  const at = log.entries.findIndex(({ kind }) => kind === "files");
  await ledger.put("a", sent(1, { state: "gone" }));
  for (let other = 0; other < 40; other++) await ledger.put(`b${other}`, sent(10 + other));
  const moved = batchesOf(log.written).filter((batch) => batch.moved);
  const ofA = moved.flatMap(({ files }) => files).filter(({ path }) => path === "a");
  expect(ofA.map((file) => file.at)).toEqual(ofA.map(() => at));
  expect(ofA.length).toBeGreaterThan(0);
  await ledger.put("a", sent(99));
  expect(batchesOf(log.written).at(-1)?.files).toMatchObject([{ path: "a", version: 99 }]);
  expect(batchesOf(log.written).at(-1)?.files[0]?.at).toBeUndefined();
});

test("what is sent again to another topic, or partition, says where it was, as long as its version is the same", async () => {
  const log = new MemoryLedger([]);
  const ledger = await start(log);
  const put = async (value: FileValue) => {
    await ledger.put("a", value);
    const { at, was } = batchesOf(log.written).at(-1)?.files[0] ?? {};
    return { noted: log.entries.length - 1, at, was };
  };
  const topic = "topic";
  const first = await put(sent(1));
  const moved = await put(sent(1, { partition: 1, offset: 9 }));
  const place = { topic, partition: 0, offset: 7, at: first.noted };
  expect([moved.at, moved.was]).toEqual([undefined, [place]]);
  const gone = await put(sent(1, { partition: 1, offset: 9, state: "gone" }));
  expect([gone.at, gone.was]).toEqual([moved.noted, [place]]);
  for (let at = 2; at < 9; at++) await put(sent(1, { partition: at }));
  expect((await put(sent(1, { partition: 9 }))).was?.map(({ partition }) => partition)).toEqual([5, 6, 7, 8]);
  expect((await put(sent(2))).was).toBeUndefined();
});

test("a batch names the versions that may still come, and from which number on any may", async () => {
  const log = new MemoryLedger([]);
  const ledger = await start(log);
  const [slow, quick] = [await ledger.nextVersion("slow"), await ledger.nextVersion("quick")];
  await ledger.put("quick", sent(quick));
  expect(batchesOf(log.written).at(-1)).toMatchObject({ open: [slow], next: quick + 1 });
  await ledger.put("slow", sent(slow, { state: "sending", acknowledged: 1 }));
  ledger.endVersion("slow");
  expect(batchesOf(log.written).at(-1)).toMatchObject({ open: [slow] });
  await ledger.release();
  // What is being sent goes on after the next start.
  const again = await start(log);
  await again.put("other", sent(await again.nextVersion("other")));
  expect(batchesOf(log.written).at(-1)?.open).toEqual([slow]);
  await again.put("slow", sent(slow));
  await again.nextVersion("never sent");
  again.endVersion("never sent");
  await again.put("other", sent(await again.nextVersion("other")));
  expect(batchesOf(log.written).at(-1)?.open).toEqual([]);
});

test("a version is open from the moment on that it is given, also as an older one of its path is just being noted", async () => {
  const given: number[] = [];
  const lease = new VersionLease(async () => undefined);
  lease.begin(0, 1, false);
  await lease.extend();
  const version = lease.next((one) => given.push(one));
  expect(given).toEqual([lease.highest]);
  expect(given).toEqual([await version]);
  const writes: (() => void)[] = [];
  const onWrite = async ({ kind }: Entry) => {
    if (kind === "files") await new Promise<void>((end) => writes.push(end));
  };
  const nextWrite = async () => {
    while (writes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    return writes.pop();
  };
  const log = new MemoryLedger([]);
  const ledger = await start(log, { onWrite });
  const older = await ledger.nextVersion("a");
  const noting = ledger.put("a", sent(older, { state: "sending", acknowledged: 1 }));
  const note = await nextWrite();
  const newer = await ledger.nextVersion("a");
  note?.();
  await noting;
  const other = ledger.put("b", sent(1));
  (await nextWrite())?.();
  await other;
  expect(batchesOf(log.written).at(-1)?.open).toEqual([newer]);
});

test("more open versions than a batch may name are told by the first of the others", () => {
  const open = new OpenVersions();
  for (let at = 0; at < 2 * limits.open; at++) open.open(String(at), 1000 - at);
  const { open: named, next } = open.toSay([], 2000);
  expect(named).toHaveLength(limits.open);
  expect(Math.max(...named) + 1).toBe(next);
  open.clear();
  expect(open.toSay([], 2000)).toEqual({ open: [], next: 2001 });
});

test("what is forgotten for good, as nobody is known to have it, no start finds again", async () => {
  const log = new MemoryLedger([]);
  const ledger = await start(log);
  const gone = sent(1, { state: "gone" });
  await Promise.all([ledger.put("a", gone), ledger.put("b", sent(2))]);
  await ledger.forget("a");
  await ledger.tidy();
  await ledger.release();
  for (const left of [log, compact(log)]) expect([...(await start(left)).paths()]).toEqual(["b"]);
});

test("a slot is used again once nothing in it counts", () => {
  const left: number[] = [];
  const slots = new BatchSlots((file) => left.push(file));
  const first = slots.put(slots.free(5), [7, 8]);
  expect(slots.free(5)).toEqual({ epoch: 5, slot: 1 });
  slots.leave(first);
  expect([slots.free(5).slot, [...slots.dead()]]).toEqual([1, []]);
  slots.leave(first);
  expect([slots.free(5).slot, [...slots.dead()]]).toEqual([0, [{ epoch: 5, slot: 0 }]]);
  // Who has had the name before may still write there.
  expect(slots.free(6)).toEqual({ epoch: 6, slot: 0 });
  slots.put({ epoch: 5, slot: 0 }, [9]);
  expect([slots.free(5).slot, [...slots.dead()]]).toEqual([1, []]);
  // Files are held by what stands there.
  expect(left.splice(0)).toEqual([7, 8]);
  slots.put({ epoch: 5, slot: 1 }, [7, 9]);
  slots.clear({ epoch: 5, slot: 0 });
  expect(left.splice(0)).toEqual([9]);
  slots.clearAll();
  expect(left).toEqual([7, 9]);
});
