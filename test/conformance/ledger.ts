/** What the agent relies on of the ledger: the one on Kafka, the model's and the unit tests' have to do it alike. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { EntryLog, EntryReader, LoggedEntry } from "../../agent/ledger/ledger.ts";
import { type Entry, keyOf, type NameEntry, tombstone } from "../../agent/wire/entry.ts";
import { encodeEntryKey, partitionOfEntry } from "../../agent/wire/entry-key.ts";
import { limits } from "../../agent/wire/limits.ts";
import { waitUntil } from "../support/wait.ts";

export interface LedgerFixture extends AsyncDisposable {
  readonly ledger: EntryLog;
  /** Deletes it, and makes it again; resolves when the ledger knows. */
  recreate(): Promise<void>;
  /** Resolves when nothing is there any more that was overwritten before. */
  compact(): Promise<void>;
}

const time = "2025-04-15T18:30:49.202Z";

/** @param isCompacted whether it ever is: the small ones of unit tests keep everything */
export function ledgerSuite(name: string, make: () => Promise<LedgerFixture>, isCompacted = true): void {
  describe(name, () => {
    let fixture: LedgerFixture;
    let ledger: EntryLog;
    const readers: EntryReader[] = [];

    beforeEach(async () => {
      fixture = await make();
      ledger = fixture.ledger;
    });
    afterEach(async () => {
      for (const reader of readers.splice(0)) await reader.close();
      await fixture[Symbol.asyncDispose]();
    });

    const all = () => Array.from({ length: ledger.partitions }, (_, partition) => partition);
    async function open(partitions = all()): Promise<EntryReader> {
      const reader = await ledger.open(partitions);
      readers.push(reader);
      return reader;
    }
    /** All that is there, by a reader of its own. */
    async function readAll(partitions = all(), without?: "files" | "needs"): Promise<LoggedEntry[]> {
      const reader = await open(partitions);
      const logged: LoggedEntry[] = [];
      while (!reader.caughtUp) logged.push(...(await reader.read(without)));
      return logged;
    }
    async function readSome(reader: EntryReader, count: number): Promise<LoggedEntry[]> {
      const logged: LoggedEntry[] = [];
      await waitUntil(`${count} entries are read`, async () => {
        logged.push(...(await reader.read()));
        return logged.length >= count;
      });
      return logged;
    }

    test("what is written is read as it is, with the place and the time that the writer was told", async () => {
      const entries = [
        needs("a", 1),
        file("a", 1),
        failed("a", 1, "too long"),
        tombstone(keyOf(needs("a", 1))),
      ];
      const partition = partitionOfEntry(keyOf(file("a", 1)), ledger.partitions);
      const expected: LoggedEntry[] = [];
      for (const entry of entries) {
        const { offset, timestampMs } = await ledger.write(entry);
        expected.push({ entry, partition, offset, timestampMs });
      }
      expect(await readAll()).toEqual(expected);
    });

    test("offsets grow, and the brokers' time does not go back", async () => {
      const told: { offset: number; timestampMs: number }[] = [];
      for (let version = 1; version <= 5; version++) told.push(await ledger.write(file("a", version)));
      const offsets = told.map(({ offset }) => offset);
      expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
      const times = told.map(({ timestampMs }) => timestampMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    });

    test("what is written side by side is there in the order in which it was handed over", async () => {
      const entries = Array.from({ length: 50 }, (_, at) => file(`${at}`, 1));
      const told = await Promise.all(entries.map((entry) => ledger.write(entry)));
      expect(told.map(({ offset }) => offset)).toEqual(
        told.map(({ offset }) => offset).sort((a, b) => a - b),
      );
      expect((await readAll()).map(({ entry }) => entry)).toEqual(entries);
    });

    test("an entry is what it was when it was written, and nobody's who reads it", async () => {
      const entry = needs("a", 1);
      const given: Entry = structuredClone(entry);
      const written = ledger.write(given);
      if (given.kind === "needs") given.ranges.push([7, 9]);
      await written;
      for (let times = 0; times < 2; times++) {
        const [read] = await readAll();
        expect(read?.entry).toEqual(entry);
        if (read?.entry.kind === "needs") read.entry.ranges.push([7, 9]);
      }
    });

    test("a reason is cut to what an entry can hold", async () => {
      await ledger.write(failed("a", 1, "x".repeat(2 * limits.reason)));
      const [read] = await readAll();
      expect(read?.entry.kind === "failed" && read.entry.reason.length).toBeLessThanOrEqual(limits.reason);
    });

    test("entries are in the partition of their uploader or group, and only who reads that has them", async () => {
      const uploaders = Array.from({ length: 20 }, (_, at) => `till-${at}`);
      for (const one of uploaders) await ledger.write(file("a", 1, one));
      await ledger.write({
        kind: "start",
        group: "inbox",
        format: 1,
        topic: "topic",
        offsets: { 0: 7 },
        time,
      });
      const read: LoggedEntry[] = [];
      for (const partition of all()) {
        const logged = await readAll([partition]);
        for (const { entry, ...at } of logged) {
          expect(at.partition).toBe(partition);
          expect(partitionOfEntry(keyOf(entry), ledger.partitions)).toBe(partition);
        }
        read.push(...logged);
      }
      expect(read).toHaveLength(uploaders.length + 1);
    });

    test("a reader has caught up once it has read what was there, be that nothing", async () => {
      const reader = await open();
      expect(reader.caughtUp).toBe(false);
      const nothing: LoggedEntry[] = [];
      while (!reader.caughtUp) nothing.push(...(await reader.read()));
      expect(nothing).toEqual([]);
      for (let version = 1; version <= 30; version++) await ledger.write(file(`${version}`, version));
      expect(await readAll()).toHaveLength(30);
    });

    test("a reader goes on with what is written later, and waits only a moment for it", async () => {
      await ledger.write(file("a", 1));
      const reader = await open();
      while (!reader.caughtUp) await reader.read();
      expect(await reader.read()).toEqual([]);
      await ledger.write(file("a", 2));
      await ledger.write(file("b", 3));
      const logged = await readSome(reader, 2);
      expect(logged.map(({ entry }) => entry)).toEqual([file("a", 2), file("b", 3)]);
      expect(reader.caughtUp).toBe(true);
    });

    test("each reader has its own place", async () => {
      await ledger.write(file("a", 1));
      const [first, second] = [await open(), await open()];
      expect(await readSome(first, 1)).toEqual(await readSome(second, 1));
      await ledger.write(file("a", 2));
      expect(await readSome(first, 1)).toEqual(await readSome(second, 1));
    });

    test("entries of a kind that nobody wants are left out, also where they are taken back", async () => {
      await ledger.write(file("a", 1));
      await ledger.write(needs("a", 1));
      await ledger.write(tombstone(keyOf(file("a", 1))));
      await ledger.write(tombstone(keyOf(needs("a", 1))));
      const kindsWithout = async (without: "files" | "needs") =>
        (await readAll(all(), without)).map(({ entry }) => `${entry.kind} ${keyOf(entry).kind}`);
      expect(await kindsWithout("files")).toEqual(["needs needs", "tombstone needs"]);
      expect(await kindsWithout("needs")).toEqual(["files files", "tombstone files"]);
    });

    test("a reader that was closed reads nothing any more", async () => {
      await ledger.write(file("a", 1));
      const reader = await open();
      await reader.close();
      await expect(reader.read()).rejects.toThrow();
    });

    test("one that is made again is another one, with nothing of what was there", async () => {
      const before = ledger.id;
      expect(ledger.id).toBe(before);
      await ledger.write(file("a", 1));
      await ledger.write(file("a", 2));
      await fixture.recreate();
      expect(ledger.id).not.toBe(before);
      expect(await readAll()).toEqual([]);
      const told = await ledger.write(file("b", 3));
      expect(told.offset).toBe(0);
      expect((await readAll()).map(({ entry, offset }) => ({ entry, offset }))).toEqual([
        { entry: file("b", 3), offset: 0 },
      ]);
    });

    test("an uploader's entry that was meant for another one is nothing, but that somebody works under the name; a group's counts", async () => {
      const before = ledger.id;
      await fixture.recreate();
      await ledger.write(file("a", 3));
      for (const entry of [file("a", 2), needs("a", 3), tombstone(keyOf(file("a", 3))), held("stray")])
        await ledger.write(entry, before);
      await ledger.write(held("own"), ledger.id);
      const { uploader, format, host, instance } = held("stray");
      expect((await readAll()).map(({ entry }) => entry)).toEqual([
        file("a", 3),
        needs("a", 3),
        { kind: "claim", uploader, format, instance, host },
        held("own"),
      ]);
    });

    const compacting = isCompacted ? test : undefined;
    compacting?.("compaction leaves the newest under each key, where it was", async () => {
      for (let version = 1; version <= 3; version++) await ledger.write(file("a", version));
      await ledger.write(needs("a", 1));
      await ledger.write(failed("b", 1, "too long"));
      await ledger.write(tombstone(keyOf(needs("a", 1))));
      const newest = await ledger.write(file("a", 4));
      const before = standing(await readAll());
      await fixture.compact();
      const logged = await readAll();
      expect(standing(logged)).toEqual(before);
      expect(logged.filter(({ entry }) => entry.kind === "files")).toEqual([
        expect.objectContaining({ entry: file("a", 4), offset: newest.offset }),
      ]);
      expect(logged.filter(({ entry }) => entry.kind === "needs")).toEqual([]);
      expect((await ledger.write(file("a", 5))).offset).toBeGreaterThan(newest.offset);
    });
  });
}

/** What stands under each key. */
function standing(logged: readonly LoggedEntry[]): Map<string, Entry> {
  const newest = new Map<string, Entry>();
  for (const { entry } of logged) {
    const key = encodeEntryKey(keyOf(entry));
    if (entry.kind === "tombstone") newest.delete(key);
    else newest.set(key, entry);
  }
  return newest;
}

function file(path: string, version: number, uploader = "till"): Entry {
  const where = { topic: "topic", partition: 0, offset: 7 };
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
  const slot = path.charCodeAt(0);
  const noted = { path, version, state: "sent", size: 5, ...times, ...where, checksum } as const;
  return { kind: "files", uploader, epoch: 0, slot, format: 1, open: [], next: version + 1, files: [noted] };
}

function held(instance: string): NameEntry {
  const word = { state: "held", highest: 7, epoch: 0 } as const;
  return { kind: "name", uploader: "till", format: 1, instance, host: "here", ...word };
}

function needs(path: string, version: number): Entry {
  return {
    kind: "needs",
    group: "inbox",
    uploader: "till",
    path,
    version,
    format: 1,
    ranges: [[0, 5]],
    time,
  };
}

function failed(path: string, version: number, reason: string): Entry {
  return { kind: "failed", group: "inbox", uploader: "till", path, version, format: 1, reason, time };
}
