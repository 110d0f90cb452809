import { expect, test } from "bun:test";
import { forgetGroup } from "../../../../agent/ledger/forget/forget-group.ts";
import { forgetUploader } from "../../../../agent/ledger/forget/forget-uploader.ts";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { NameRecords } from "../../../../agent/ledger/uploader/name-records.ts";
import { type Entry, keyOf, type NameEntry } from "../../../../agent/wire/entry.ts";
import { encodeEntryKey } from "../../../../agent/wire/entry-key.ts";
import { delivered, failed, first, needs, noted, other, second, time } from "../../../support/entries.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";
import { uploaderLogOn } from "../../../support/uploader-log.ts";
import { waitUntil } from "../../../support/wait.ts";

const quiet = new HeardLog("till", () => undefined);
const start: Entry = { kind: "start", group: "group", format: 1, topic: "topic", offsets: { "0": 0 }, time };
const layout: Entry = { kind: "layout", format: 1, partitions: 1 };
const mirror = (entry: Entry) => Object.assign(entry, { group: "mirror" });
/** Behind any other entry: an epoch is an earlier offset. */
const held: NameEntry = {
  ...{ kind: "name", uploader: "till", format: 1, instance: "1", host: "till-7" },
  ...{ state: "released", highest: 300, epoch: 0 },
};

const nameOf = (entry: Entry) => encodeEntryKey(keyOf(entry));

/** The keys that stand, in the order in which they were written last. */
function standing({ entries }: MemoryLedger): string[] {
  const keys = new Set<string>();
  for (const entry of entries) {
    const key = nameOf(entry);
    keys.delete(key);
    if (entry.kind !== "tombstone") keys.add(key);
  }
  return [...keys];
}

const tombstones = ({ written }: MemoryLedger) =>
  written.filter(({ kind }) => kind === "tombstone").map((entry) => keyOf(entry).kind);

function holderOf({ entries }: MemoryLedger) {
  const records = new NameRecords();
  for (const [at, entry] of entries.entries()) if (entry.kind === "name") records.apply(entry, at);
  return records.holder;
}

test("the entries of the files go before what groups say of them, and the name stays, given back", async () => {
  const elsewhere = { uploader: "office", path: "c.txt", version: 100 };
  const log = new MemoryLedger([
    ...[
      layout,
      held,
      noted(first),
      delivered(first),
      noted(other),
      needs(other),
      failed(second),
      noted(elsewhere),
    ],
    { kind: "claim", uploader: "till", format: 1, instance: "2", host: "till-8" },
  ]);
  expect(await forgetUploader(uploaderLogOn(log), "till", quiet)).toBe(6);
  expect(standing(log)).toEqual(["layout", nameOf(noted(elsewhere)), "name/till"]);
  expect(tombstones(log)).toEqual(["files", "files", "claim", "done", "needs", "failed"]);
  expect(holderOf(log)?.isReleased).toBe(true);
});

test("no number comes twice, whichever entry knows the highest, and though the brokers' clock is set back", async () => {
  const ahead = 1_000_000_000;
  for (const entry of [noted({ ...first, version: ahead }), delivered({ ...first, version: ahead })]) {
    const log = new MemoryLedger([layout, held, noted(other), entry]);
    log.brokerTimeMs = 1;
    await forgetUploader(uploaderLogOn(log), "till", quiet);
    expect(holderOf(log)?.highest).toBeGreaterThanOrEqual(ahead);
  }
  // The holder's own number, that nothing else tells of.
  const log = new MemoryLedger([layout, { ...held, highest: ahead }, noted(first)]);
  await forgetUploader(uploaderLogOn(log), "till", quiet);
  expect(holderOf(log)?.highest).toBeGreaterThanOrEqual(ahead);
});

test("the newest batch goes first: else the others' files would count as dead to who reads between", async () => {
  const layouts = [layout, layout, held];
  const [older, newest] = [
    { ...noted(first), epoch: 1 },
    { ...noted(other), epoch: 2 },
  ];
  // Of an agent that had lost the name.
  const last = { ...noted({ ...other, path: "c.txt" }), epoch: 1 };
  const log = new MemoryLedger([...layouts, older, newest, last]);
  const ledger = await GroupLedger.open("group", log, () => 0);
  using _following = log.follow(ledger);
  const between: boolean[] = [];
  const onWrite = async ({ kind }: Entry) => {
    await log.allRead();
    if (kind === "tombstone") between.push(ledger.state.isDelivered(first, 0));
  };
  expect(await forgetUploader(uploaderLogOn(log, { onWrite }), "till", quiet)).toBe(3);
  expect(between).toEqual([false, false, false]);
  const taken = log.written.filter(({ kind }) => kind === "tombstone").map(nameOf);
  expect(taken).toEqual([newest, older, last].map(nameOf));
});

test("an interrupted one is finished by the next, and knows the highest number still", async () => {
  const ahead = 1_000_000_000;
  const log = new MemoryLedger([
    layout,
    held,
    noted({ ...first, version: ahead }),
    noted(other),
    delivered(first),
  ]);
  let writes = 0;
  const onWrite = async ({ kind }: Entry) => {
    if (kind === "tombstone" && ++writes > 1) throw new Error("killed");
  };
  await expect(forgetUploader(uploaderLogOn(log, { onWrite }), "till", quiet)).rejects.toThrow("killed");
  expect(holderOf(log)?.isReleased).toBe(false);
  expect(holderOf(log)?.highest).toBeGreaterThanOrEqual(ahead);
  // Its process has ended by then.
  for (const entry of log.entries)
    if (entry.kind === "name") Object.assign(entry, { process: undefined, state: "released" });
  await forgetUploader(uploaderLogOn(log), "till", quiet);
  expect(standing(log)).toEqual(["layout", "name/till"]);
  expect(holderOf(log)?.isReleased).toBe(true);
  expect(holderOf(log)?.highest).toBeGreaterThanOrEqual(ahead);
});

test("what a group still writes meanwhile is taken out as well", async () => {
  const log = new MemoryLedger([layout, held, noted(first)]);
  let isWritten = false;
  const onWrite = async (entry: Entry) => {
    if (isWritten || entry.kind !== "tombstone") return;
    isWritten = true;
    await log.write(needs(first));
  };
  await forgetUploader(uploaderLogOn(log, { onWrite }), "till", quiet);
  expect(standing(log)).toEqual(["layout", "name/till"]);
});

test("who asks for the name meanwhile is answered", async () => {
  const log = new MemoryLedger([layout, held, noted(first)]);
  let answered = false;
  const onWrite = async (entry: Entry) => {
    if (answered || entry.kind !== "tombstone") return;
    const { offset } = await log.write({
      kind: "claim",
      uploader: "till",
      format: 1,
      instance: "2",
      host: "till-8",
    });
    await waitUntil("it says that it has the name", () =>
      log.entries.slice(offset).some((said) => said.kind === "name" && said.state === "held"),
    );
    answered = true;
  };
  await forgetUploader(uploaderLogOn(log, { onWrite }), "till", quiet);
  expect(answered).toBe(true);
  expect(standing(log)).toEqual(["layout", "name/till"]);
});

test("another agent that takes the name ends it, and has what is left", async () => {
  const many = Array.from({ length: 1200 }, (_, at) => noted({ ...first, path: `file-${at}` }));
  const log = new MemoryLedger([layout, held, ...many]);
  const { now } = performance;
  const onWrite = async (entry: Entry) => {
    const holder = holderOf(log);
    if (entry.kind !== "tombstone" || holder?.instance === "2") return;
    // This process stood still for a minute.
    performance.now = () => now.call(performance) + 60_000;
    await log.write({
      ...held,
      epoch: undefined,
      after: holder?.epoch,
      instance: "2",
      host: "till-8",
      state: "held",
    });
  };
  try {
    const forgetting = forgetUploader(uploaderLogOn(log, { onWrite }), "till", quiet);
    await expect(forgetting).rejects.toThrow('"till" is in use by an agent on till-8');
  } finally {
    performance.now = now;
  }
  expect(standing(log).length).toBeGreaterThan(600);
  expect(holderOf(log)?.instance).toBe("2");
});

test("a group goes with its marks, then all its receipts, and last goes where it began", async () => {
  const log = new MemoryLedger([
    ...[start, failed(second), noted(first), delivered(first), noted(other), needs(other)],
    mirror(delivered(first)),
  ]);
  expect(await forgetGroup(log, "group", async () => undefined)).toBe(4);
  expect(standing(log)).toEqual([nameOf(noted(first)), nameOf(noted(other)), "done/mirror/till/0"]);
  expect(tombstones(log)).toEqual(["done", "failed", "needs", "start"]);
});

test("a group that somebody comes back to keeps what is left of it, and where it began", async () => {
  const receipts = Array.from({ length: 1200 }, (_, at) => failed({ ...first, path: `file-${at}` }));
  const log = new MemoryLedger([start, ...receipts]);
  let looks = 0;
  const requireIdle = async () => {
    if (++looks > 2) throw new Error("somebody is back");
  };
  await expect(forgetGroup(log, "group", requireIdle)).rejects.toThrow("somebody is back");
  expect(standing(log)).toContain("start/group");
  expect(await forgetGroup(log, "group", async () => undefined)).toBeGreaterThan(0);
  expect(standing(log)).toEqual([]);
});

test("a group that comes back has delivered nothing, also before its entries are compacted away", async () => {
  const log = new MemoryLedger([start, noted(first), delivered(first)]);
  const hasMarks = async () => (await GroupLedger.open("group", log, () => 0)).state.hasMarks;
  expect(await hasMarks()).toBe(true);
  await forgetGroup(log, "group", async () => undefined);
  expect(await hasMarks()).toBe(false);
});
