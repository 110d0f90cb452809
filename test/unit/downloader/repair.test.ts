import { expect, test } from "bun:test";
import { Repair } from "../../../agent/downloader/repair.ts";
import { GroupLedger } from "../../../agent/ledger/group-ledger.ts";
import { Log } from "../../../agent/observe/log.ts";
import { Observer } from "../../../agent/observe/observer.ts";
import { Troubles } from "../../../agent/observe/troubles.ts";
import type { Entry } from "../../../agent/wire/entry.ts";
import { MemoryLedger } from "../../support/memory-ledger.ts";

const sent: Entry = {
  key: { kind: "file", uploader: "till", path: "video" },
  value: {
    format: 1,
    version: 100,
    state: "sent",
    size: 5,
    ...{ mtime: "0", ctime: "0", inode: "1" },
    ...{ topic: "topic", partition: 0, offset: 7 },
    checksum: "md5:5d41402abc4b2a76b9719d911017c592",
  },
};

/** The repair of a version that was read past, of which nothing is in the log any more. */
async function prepare() {
  const log = new MemoryLedger([sent]);
  const world = { nowMs: 0, placedAtMs: 0 };
  const repair = new Repair({
    ledger: await GroupLedger.open("group", log),
    assembly: {
      dropStale: () => undefined,
      giveUp: () => undefined,
      hasRoomFor: async () => true,
      isNewer: () => false,
      isWhole: () => false,
      missingOf: () => [[0, 5]],
      needsRoom: () => 5,
      placedAtMs: () => world.placedAtMs,
      retry: () => undefined,
    },
    recoveries: { begin: () => false, isReading: () => false },
    topic: { id: "topic", partitions: 1 },
    positions: new Map([[0, 8]]),
    log: new Log({ level: "error", format: "text", agent: "test" }),
    observer: new Observer({
      ...{ role: "downloader", name: "hub", version: "1", host: "hub" },
      troubles: new Troubles(),
    }),
    now: () => world.nowMs,
  });
  const asked = () => log.written.filter(({ key }) => key.kind === "needs").length;
  return { repair, world, asked };
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
