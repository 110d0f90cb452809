import { expect, test } from "bun:test";
import { LedgerWrites } from "../../../../agent/downloader/recover/ledger-writes.ts";
import { Repair, type VersionsAtHand } from "../../../../agent/downloader/recover/repair.ts";
import type { Answer } from "../../../../agent/downloader/recover/reread-requests.ts";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { Troubles } from "../../../../agent/lib/troubles.ts";
import { Observer } from "../../../../agent/observe/observer.ts";
import { type Entry, keyOf } from "../../../../agent/wire/entry.ts";
import type { EntryKey } from "../../../../agent/wire/entry-key.ts";
import { again, failed, filesEntry } from "../../../support/entries.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

function sent(
  path: string,
  offset = 7,
  state: "gone" | "sent" = "sent",
  places: { from?: string; to?: string } = {},
): Entry {
  return filesEntry("till", {
    ...{ path, version: 100, state, size: 5 },
    ...{ mtime: "0", ctime: "0", inode: "1" },
    ...{ topic: "topic", partition: 0, offset },
    checksum: "md5:5d41402abc4b2a76b9719d911017c592",
    ...places,
  });
}

/** The repair of versions that were read past, of which nothing is in the log any more. */
async function prepare(paths: readonly string[] = ["video"]) {
  const log = new MemoryLedger(paths.map((path) => sent(path)));
  const world = {
    ...{ nowMs: 0, placedAtMs: 0, isReading: false, takesLong: false, readings: 0 },
    ...{ end: 1000, partitions: 1 },
  };
  const lines: string[] = [];
  const heard = new HeardLog("test", (line) => lines.push(line));
  const ledger = await GroupLedger.open("group", log);
  const positions = new Map([[0, 8]]);
  const observer = new Observer({
    ...{ role: "downloader", name: "hub", version: "1", host: "hub" },
    troubles: new Troubles(),
  });
  const now = () => world.nowMs;
  const options = {
    ledger,
    writes: new LedgerWrites({ log: heard, once: false, now }),
    reading: {
      group: { bounds: async () => ({ low: 0, high: world.end }) },
      topic: {
        id: "topic",
        get partitions() {
          return world.partitions;
        },
      },
      positions,
    },
    rereads: {
      readSent: (): Answer => {
        world.readings++;
        world.isReading = world.takesLong;
        return world.takesLong ? "reading" : "nowhere";
      },
      isReading: () => world.isReading,
    },
    reporting: { log: heard, observer, logChunks: false },
    giveUpMs: 30 * 24 * 3600_000,
    now,
  };
  const passed: string[] = [];
  const versions: VersionsAtHand = {
    partials: {
      dropStale: () => undefined,
      giveUp: () => undefined,
      isWhole: () => false,
      missingOf: () => [[0, 5]],
      needsRoom: () => 5,
      placedAtMs: () => world.placedAtMs,
    },
    room: { hasRoomFor: async () => true },
    failures: { isOwed: () => false, retry: () => undefined, writeOwed: async () => undefined },
    rejected: { isNewer: () => false },
    spread: { pass: ({ path }) => passed.push(path), removeSettled: () => undefined },
  };
  const repair = new Repair(options, versions);
  const writtenOf = (kind: EntryKey["kind"]) => log.written.filter((entry) => keyOf(entry).kind === kind);
  const asked = () => writtenOf("needs").filter((entry) => entry.kind !== "tombstone").length;
  return { repair, world, asked, log, ledger, positions, lines, writtenOf, passed };
}

const hourMs = 3600_000;

test("what is missing is asked for once, and again when nothing of it has come for an hour", async () => {
  const { repair, world, asked } = await prepare();
  await repair.check();
  expect(asked()).toBe(0);
  for (world.nowMs = 1000; world.nowMs <= hourMs; world.nowMs += 60_000) await repair.check();
  expect(asked()).toBe(1);
  world.nowMs = hourMs + 1000;
  await repair.check();
  expect(asked()).toBe(2);
});

test("an answer that takes hours is not asked for again as long as something of it comes", async () => {
  const { repair, world, asked } = await prepare();
  for (world.nowMs = 0; world.nowMs < 5 * hourMs; world.nowMs += 60_000) {
    await repair.check();
    world.placedAtMs = world.nowMs - 30_000;
  }
  expect(asked()).toBe(1);
  world.nowMs = world.placedAtMs + hourMs;
  await repair.check();
  expect(asked()).toBe(2);
});

test("what takes longer to be read again than many looks is read once, and then asked for", async () => {
  const { repair, world, asked } = await prepare();
  world.takesLong = true;
  for (let look = 0; look < 50; look++) await repair.check();
  expect([world.readings, asked()]).toEqual([1, 0]);
  world.isReading = false;
  for (let look = 0; look < 50; look++) await repair.check();
  expect([world.readings, asked()]).toEqual([1, 1]);
});

test("an uploader whose answers never complete a version is asked three times, however long each is on its way", async () => {
  const { repair, log, ledger, positions, asked, writtenOf } = await prepare();
  using _following = log.follow(ledger);
  for (let answer = 0; answer < 3; answer++) {
    for (let look = 0; look < 3; look++) await repair.check();
    // What it sends is ahead of what is read, for some looks.
    await log.append(sent("video", 100 * (answer + 1)));
    for (let look = 0; look < 3; look++) await repair.check();
    positions.set(0, 100 * (answer + 1) + 1);
  }
  expect(asked()).toBe(3);
  for (let look = 0; look < 3; look++) await repair.check();
  expect(asked()).toBe(3);
  expect(writtenOf("failed")).toHaveLength(1);
});

test("what failed as nobody had it, and its uploader has after all, is read again from the log before it is asked for", async () => {
  const { repair, world, asked, log, ledger, writtenOf } = await prepare();
  using _follower = log.follow(ledger);
  await log.append(sent("video", 7, "gone"));
  await repair.check();
  await repair.check();
  expect([writtenOf("failed").length, world.readings, asked()]).toEqual([1, 1, 0]);
  await log.append(sent("video"));
  await repair.check();
  await repair.check();
  expect([world.readings, asked()]).toEqual([2, 1]);
});

test("what was sent to where the brokers' log ends before is asked for, once that is known", async () => {
  const { repair, world, asked, positions } = await prepare();
  positions.set(0, 5);
  for (world.nowMs = 0; world.nowMs < 60_000; world.nowMs += 1000) await repair.check();
  // In the log, and not read yet.
  expect(asked()).toBe(0);
  world.end = 7;
  for (world.nowMs = 60_000; world.nowMs < 120_000; world.nowMs += 1000) await repair.check();
  // What comes before is not read yet either.
  expect(asked()).toBe(0);
  positions.set(0, 7);
  for (world.nowMs = 120_000; world.nowMs < 180_000; world.nowMs += 1000) await repair.check();
  expect(asked()).toBe(1);
});

test("a mark that the ledger lacks is written by whoever has its partition, also of a topic that had more of them", async () => {
  const { repair, world, log, ledger, positions, writtenOf } = await prepare();
  const id = { uploader: "till", path: "video", version: 100 };
  await ledger.writeDelivered(
    [{ id, partition: 64, content: { size: 20, checksum: "md5:5d41402abc4b2a76b9719d911017c592" } }],
    { id: "store", number: 1 },
  );
  using _following = log.follow(ledger);
  await log.remake(sent("video"));
  world.partitions = 64;
  positions.clear();
  positions.set(1, 0);
  await repair.tidy();
  expect(writtenOf("done")).toHaveLength(1);
  positions.set(0, 8);
  await repair.tidy();
  // Its own, and that of where it was sent to.
  expect(writtenOf("done")).toHaveLength(3);
});

const spreadVideo = sent("video", 7, "sent", { from: "topic 0@0 1@0 2@0", to: "topic 0@7 1@3" });

test("what is spread is got back by whoever has all of its partitions, once all of them are read past", async () => {
  const { repair, world, asked, log, ledger, positions, passed } = await prepare([]);
  using _following = log.follow(ledger);
  await log.append(spreadVideo);
  for (let look = 0; look < 5; look++) await repair.check();
  positions.set(1, 4);
  for (let look = 0; look < 5; look++) await repair.check();
  expect([world.readings, asked(), passed.length]).toEqual([0, 0, 10]);
  positions.set(2, 0);
  positions.set(1, 3);
  for (let look = 0; look < 5; look++) await repair.check();
  // One is still to be read.
  expect([world.readings, asked(), passed.length]).toEqual([0, 0, 10]);
  positions.set(1, 4);
  for (let look = 0; look < 5; look++) await repair.check();
  expect([world.readings, asked()]).toEqual([1, 1]);
});

test("whether something is to be tried is not known before what was sent to a partition that came was looked at", async () => {
  const { repair, log, ledger, positions, passed } = await prepare([]);
  using _following = log.follow(ledger);
  await repair.check();
  expect(repair.isTrying).toBe(false);
  await log.append(spreadVideo);
  positions.set(1, 4);
  expect([repair.isTrying, passed.length]).toEqual([true, 0]);
  await repair.check();
  expect([repair.isTrying, passed.length]).toEqual([false, 1]);
});

test("what of a spread version was sent to where the log of one partition ends before is asked for", async () => {
  const { repair, world, asked, log, ledger, positions } = await prepare([]);
  using _following = log.follow(ledger);
  await log.append(spreadVideo);
  for (const partition of [1, 2]) positions.set(partition, 2);
  world.end = 2;
  for (world.nowMs = 0; world.nowMs < 60_000; world.nowMs += 1000) await repair.check();
  expect(asked()).toBe(1);
});

test("ten thousand missing versions write a few lines, and how many they are", async () => {
  const paths = Array.from({ length: 2000 }, (_, at) => `file-${at}`);
  const { repair, world, asked, lines } = await prepare(paths);
  for (let look = 0; look < 120; look++) {
    await repair.check();
    world.nowMs += 1000;
  }
  expect(asked()).toBe(2000);
  expect(lines.length).toBeLessThan(50);
  expect(lines).toContain("till: and 1980 more files are asked for");
});

test("a receipt is dropped by whoever writes the mark of its version, also once there are more partitions", async () => {
  const { repair, world, log, ledger, positions, writtenOf } = await prepare();
  const id = { uploader: "till", path: "video", version: 100 };
  using _following = log.follow(ledger);
  await log.remake(sent("video"), again(id), failed(id));
  world.partitions = 64;
  const home = 0;
  for (let other = 0; other < 64; other++) if (other !== home) positions.set(other, 0);
  positions.delete(home);
  await repair.tidy();
  expect(writtenOf("again")).toHaveLength(0);
  positions.set(home, 8);
  await repair.tidy();
  expect(writtenOf("again")).toHaveLength(1);
});
