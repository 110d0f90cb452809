import { expect, test } from "bun:test";
import { type FoundFile, findFiles, type Sought } from "../../../../agent/ledger/find/find-files.ts";
import { UploaderLedger } from "../../../../agent/ledger/uploader/uploader-ledger.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { type DoneEntry, type Entry, keyOf } from "../../../../agent/wire/entry.ts";
import { encodeEntryKey, partitionOfEntry } from "../../../../agent/wire/entry-key.ts";
import { firstVersion, entriesOf as randomEntries } from "../../../support/any-ledger.ts";
import {
  again,
  checksum,
  delivered,
  failed,
  file,
  filesEntry,
  first,
  needs,
  noted,
  other,
  second,
  without,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";
import { Random } from "../../../support/random.ts";
import { uploaderLogOn } from "../../../support/uploader-log.ts";

const everything: Sought = { uploader: undefined, isPath: () => true };

async function foundIn(ledger: MemoryLedger, sought: Partial<Sought> = {}): Promise<FoundFile[]> {
  const { count, files } = await findFiles(ledger, { ...everything, ...sought });
  const found = [...files()];
  expect(found).toHaveLength(count);
  return found;
}

function find(entries: readonly Entry[], sought: Partial<Sought> = {}): Promise<FoundFile[]> {
  return foundIn(new MemoryLedger(entries), sought);
}

/** What is said of the one file that there is. */
async function wordsOn(entries: readonly Entry[]): Promise<string> {
  const found = await find(entries);
  expect(found).toHaveLength(1);
  const [{ state, source, groups }] = found as [FoundFile];
  return [state, source, ...groups.map((said) => `${said.group}=${said.state}`)].join(" ");
}

function mark(says: Partial<DoneEntry> = {}, group = "group"): Entry {
  return { ...(delivered(first) as DoneEntry), early: [], ...says, group };
}

function ofGroup(entry: Entry, group: string): Entry {
  return entry.kind === "tombstone"
    ? without({ ...entry.key, group } as Entry)
    : ({ ...entry, group } as Entry);
}

const later = { topic: "topic", offset: 8, ms: 0 };

function another() {
  return { path: file.path, version: 100, size: 5, checksum: "md5:7660e6fe89066db4eff65e0cf3c4c6c0" };
}

/** What a group may say of the first version, which is noted at offset 0, and what comes of it if the version was sent whole. */
const words: readonly [name: string, entries: Entry[], word: string | undefined][] = [
  ["nothing", [], undefined],
  ["a number above it", [mark({ to: 100, at: 1 })], "delivered"],
  ["a number below it", [mark({ to: 99, at: 1 })], undefined],
  ["a number, known before it was noted", [mark({ to: 100, at: 0 })], undefined],
  ["a number of a ledger whose end was cut off", [mark({ to: 100, at: 50 })], undefined],
  ["a number, but not it", [mark({ to: 100, at: 1, but: [100] })], undefined],
  ["a number, and began later", [mark({ to: 100, at: 1, start: later })], undefined],
  ["its name", [delivered(first)], "delivered"],
  ["its number among others", [mark({ also: [100] })], "delivered"],
  ["its name, with another content", [mark({ early: [another()], to: 100, at: 1 })], undefined],
  ["that it failed", [failed(first)], "failed"],
  ["that it failed, and takes it back", [failed(first), without(failed(first))], undefined],
  ["that it failed, of another version", [failed(second)], undefined],
  ["a number, and leaves it to a receipt", [mark({ to: 100, at: 1, failed: 100 }), failed(first)], "failed"],
  ["a number, and leaves it to no receipt", [mark({ to: 100, at: 1, failed: 100 })], "delivered"],
  ["that it needs it", [needs(first)], "needed"],
  ["a number, and needs it still", [needs(first), mark({ to: 100, at: 1 })], "delivered"],
  ["a number, and wants it again", [mark({ to: 100, at: 1 }), again(first)], "needed"],
  ["its name, and wants it again", [delivered(first), again(first)], "needed"],
  ["a number, and no mark any more", [mark({ to: 100, at: 1 }), without(mark())], undefined],
];

const order = ["delivered", "failed", "needed"];

test.each(words)(
  "a group says %s: the file is where that puts it, beside any other group",
  async (_, said, word) => {
    for (const [, others, otherWord] of words) {
      const wanted = [word, otherWord].filter((one) => one !== undefined);
      for (const state of ["sent", "gone"] as const) {
        const best = order.find((one) => wanted.includes(one)) ?? state;
        const source = state === "gone" ? "gone" : "present";
        const groups = [word && `group=${word}`, otherWord && `other=${otherWord}`].filter((one) => one);
        expect(
          await wordsOn([noted(first, state), ...said, ...others.map((entry) => ofGroup(entry, "other"))]),
        ).toBe([best, source, ...groups].join(" "));
      }
    }
  },
);

/** A batch of one file, in its path's slot, unless `says` has another one. */
function notedAs(id: typeof first, says: Record<string, unknown> = {}, slot?: number): Entry {
  const entry = noted(id);
  const files = entry.files.map((one) => ({ ...one, ...says }));
  return { ...entry, files, slot: slot ?? entry.slot } as Entry;
}

test("a version that is being sent tells how far it is, and one that was given up why", async () => {
  const unsent = { topic: undefined, checksum: undefined, offset: undefined, partition: undefined };
  const [sending] = await find([notedAs(first, { ...unsent, state: "sending", acknowledged: 3 })]);
  expect(sending).toMatchObject({ state: "sending", acknowledged: 3, size: 5, source: "present" });
  const [begun] = await find([notedAs(first, { ...unsent, state: "sending" })]);
  expect(begun).toMatchObject({ state: "sending", acknowledged: 0 });
  const [given] = await find([notedAs(first, { ...unsent, state: "abandoned", reason: "it changed" })]);
  expect(given).toMatchObject({ state: "failed", acknowledged: 0, reason: "it changed", groups: [] });
  const [gone] = await find([notedAs(first, { ...unsent, state: "gone", acknowledged: 2 })]);
  expect(gone).toMatchObject({ state: "gone", acknowledged: 2, source: "gone" });
  const [whole] = await find([noted(first, "gone")]);
  expect(whole).toMatchObject({ acknowledged: 5, source: "gone" });
});

test("what a group has of a version that its uploader has not noted as sent is delivered, whole", async () => {
  const unsent = { topic: undefined, checksum: undefined, offset: undefined, partition: undefined };
  for (const entries of [
    [delivered(first)],
    [notedAs(first, { ...unsent, state: "sending" }), delivered(first)],
    [noted({ ...file, version: 50 }), delivered(first)],
  ])
    expect(await find(entries)).toMatchObject([
      { ...first, state: "delivered", size: 5, acknowledged: 5, source: "present" },
    ]);
  const gone = notedAs(first, { ...unsent, state: "gone" });
  expect(await wordsOn([gone, delivered(first)])).toBe("delivered gone group=delivered");
  expect(await wordsOn([noted(second), delivered(first)])).toBe("sent present");
});

test("what failed because its uploader was silent is needed once that is heard from", async () => {
  const silent = { ...failed(first), reason: "not answered since 2025-04-15" } as Entry;
  expect(await wordsOn([noted(first), silent])).toBe("failed present group=failed");
  expect(await wordsOn([noted(first), silent, noted(first)])).toBe("needed present group=needed");
  expect(await wordsOn([noted(first), failed(first), noted(first)])).toBe("failed present group=failed");
});

test("a mark that was delivered where the version was before counts still", async () => {
  const was = [{ topic: "old", partition: 3, offset: 7, at: 0 }];
  const before = { ...(mark({ also: [100] }) as DoneEntry), partition: 3 };
  expect(await wordsOn([notedAs(first, { was }), before])).toBe("delivered present group=delivered");
  expect(await wordsOn([noted(first), before])).toBe("sent present");
});

test("of a path the newest version counts, in whichever slot it stands, and what is said of the one before does not", async () => {
  const ledger = [noted(first), delivered(first), failed(first), needs(second), notedAs(second, {}, 9)];
  expect(await find(ledger)).toMatchObject([{ version: 200, state: "needed" }]);
  // Of a frozen agent: an older version, later in the log.
  expect(await find([...ledger, notedAs(first, {}, 10)])).toMatchObject([{ version: 200 }]);
});

test("what stood in a slot, and is said nowhere later, is forgotten; what is noted again is there", async () => {
  const slot = noted(first).slot;
  const taken = notedAs(other, {}, slot);
  expect((await find([noted(first), taken])).map(({ path }) => path)).toEqual(["b.txt"]);
  expect(await find([noted(first), without(noted(first))])).toEqual([]);
  // In the place of the newer version, which is forgotten with its slot.
  expect(await find([noted(second), taken, notedAs(first, {}, 9)])).toMatchObject([
    { path: "b.txt" },
    { path: "a.txt", version: 100 },
  ]);
  const moved = [noted(first), notedAs(first, {}, 9), without(noted(first))];
  expect(await find(moved)).toMatchObject([{ path: "a.txt", version: 100 }]);
});

test("what an agent notes that has lost its name counts for nothing", async () => {
  const name: Entry = {
    ...{ kind: "name", uploader: file.uploader, format: 1, instance: "i", host: "h", state: "held" },
    ...{ highest: 300, epoch: 1 },
  };
  const entries = [noted(first), noted(first), name, { ...noted(second), epoch: 0 }];
  expect(await find(entries)).toMatchObject([{ version: 100 }]);
});

test("a number that nothing could follow is passed over", async () => {
  const impossible = { ...first, version: 2 ** 52 };
  const entries = [
    noted(first),
    notedAs(impossible, {}, 9),
    mark({ to: 2 ** 52, at: 1 }),
    delivered(impossible),
  ];
  expect(await find(entries)).toMatchObject([{ version: 100, state: "sent" }]);
});

test("those that were begun last come first, by the brokers' clock", async () => {
  const ledger = new MemoryLedger([]);
  // A name that the ledger did not know begins two minutes ahead; a batch may be written again later.
  for (const [timestampMs, path, version] of [
    [5000, "old", 1_000_000],
    [6000, "ahead", 126_000_000],
    [7000, "new", 6_500_000],
  ] as const) {
    ledger.brokerTimeMs = timestampMs;
    await ledger.write(noted({ ...file, path, version }));
  }
  expect((await foundIn(ledger)).map(({ path, timeMs }) => [path, timeMs])).toEqual([
    ["new", 6500],
    ["ahead", 6000],
    ["old", 1000],
  ]);
});

test("only what is looked for is found", async () => {
  const elsewhere = { ...first, uploader: "kiosk" };
  const entries = [noted(first), filesEntry("till", ...(noted(other).files as [never])), noted(elsewhere)];
  const paths = async (sought: Partial<Sought>) =>
    (await find(entries, sought)).map(({ uploader, path }) => `${uploader}/${path}`).sort();
  expect(await paths({})).toEqual(["kiosk/a.txt", "till/a.txt", "till/b.txt"]);
  expect(await paths({ uploader: "till" })).toEqual(["till/a.txt", "till/b.txt"]);
  expect(await paths({ isPath: (path) => path === "a.txt" })).toEqual(["kiosk/a.txt", "till/a.txt"]);
  expect(await paths({ uploader: "kiosk", isPath: (path) => path === "b.txt" })).toEqual([]);
  expect(await paths({ uploader: "nobody" })).toEqual([]);
});

test("what stands in another partition than it belongs to is nobody's", async () => {
  const partitions = 64;
  const own = Array.from({ length: 1000 }, (_, at) => `till-${at}`);
  const here = own.find((uploader) => partitionOfEntry({ kind: "name", uploader }, partitions) === 0) ?? "";
  const entries = [noted({ ...first, uploader: here }), noted(first)];
  // All of them are read from partition 0.
  const ledger = Object.assign(new MemoryLedger(entries), { partitions });
  expect((await foundIn(ledger)).map(({ uploader }) => uploader)).toEqual([here]);
});

/** As compaction leaves it. */
function compactedLedger(entries: readonly Entry[]): MemoryLedger {
  const ledger = new MemoryLedger(entries);
  const last = new Map(entries.map((entry, at) => [encodeEntryKey(keyOf(entry)), at]));
  for (const [at, entry] of entries.entries())
    if (last.get(encodeEntryKey(keyOf(entry))) !== at) ledger.taken.add(at);
  return ledger;
}

test("whatever is in a ledger, it finds the files that their uploaders know, and as delivered what those take for it", async () => {
  let [known, isDelivered] = [0, 0];
  for (let seed = 1; seed <= 150; seed++) {
    const entries = randomEntries(new Random(seed), 60).map(({ entry }) => entry);
    for (const entry of entries) {
      // What was sent again to another topic, or has another content, an uploader leaves to the group to say so.
      if (entry.kind === "files") for (const one of entry.files) Object.assign(one, { was: [], checksum });
      if (entry.kind === "done") for (const one of entry.early) one.checksum = checksum;
    }
    const ledger = compactedLedger(entries);
    const found = new Map(
      (await foundIn(ledger)).map((one) => [`${one.uploader}/${one.path}`, one] as const),
    );
    for (const uploader of ["till-1", "till-2"]) {
      const log = new Log({ level: "error", format: "text", agent: "test" });
      const own = await UploaderLedger.open(uploader, uploaderLogOn(ledger), ["group"], log);
      for (const path of own.paths()) {
        known++;
        const one = found.get(`${uploader}/${path}`);
        const version = own.file(path)?.version ?? firstVersion;
        expect(one?.version, `seed ${seed}: ${uploader}/${path}`).toBeGreaterThanOrEqual(version);
        // One that is not noted, and that a group has.
        if (one?.version !== version) continue;
        const has = own.feedback.receipts.isDelivered(path);
        if (has) isDelivered++;
        const said = one.groups.find(({ group }) => group === "group")?.state;
        expect(said === "delivered", `seed ${seed}: ${uploader}/${path}`).toBe(has);
      }
      await own.close();
    }
  }
  expect([known > 200, isDelivered > 20]).toEqual([true, true]);
});

test("the content of what is noted counts, not its name alone", async () => {
  expect(checksum).not.toBe(another().checksum);
  const [one] = await find([noted(first), mark({ early: [another()] })]);
  expect(one).toMatchObject({ state: "sent", groups: [] });
});
