/** More uploaders than fit in memory: what is known of one was forgotten, and something of it is delivered. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import { type Entry, keyOf } from "../../../../agent/wire/entry.ts";
import { encodeEntryKey } from "../../../../agent/wire/entry-key.ts";
import { all, noted, store, stored } from "../../../support/entries.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

/** Room for two or three of them. */
const marksLimits = { all: 4000, ofOne: 4000 };
const of = (uploader: string, path: string, version: number): VersionId => ({ uploader, path, version });
const [first, second, due, next] = [
  of("till", "a", 1),
  of("till", "b", 2),
  of("till", "c", 3),
  of("till", "d", 4),
];

/** What a member knows that is started once the ledger was compacted. */
async function started({ entries }: MemoryLedger): Promise<GroupLedger> {
  const nameOf = (entry: Entry) => encodeEntryKey(keyOf(entry));
  const newest = new Map(entries.map((entry, at) => [nameOf(entry), at]));
  const nothing: Entry = { kind: "layout", format: 1, partitions: 1 };
  const left = entries.map((entry, at) => (newest.get(nameOf(entry)) === at ? entry : nothing));
  const ledger = await GroupLedger.open("group", new MemoryLedger(left));
  await ledger.close();
  return ledger;
}

/** Two files of an uploader are delivered, one is due, and then so many others have made it forgotten. */
async function forgotten() {
  const log = new MemoryLedger([noted(first), noted(second), noted(due)]);
  const ledger = await GroupLedger.open("group", log, undefined, { marksLimits });
  await ledger.writeDelivered([stored(first), stored(second)], store);
  const following = log.follow(ledger);
  for (let at = 0; at < 10; at++) await log.append(noted(of(`other-${at}`, "x", 10)));
  expect(ledger.state.versions.marks.get("till")).toBeUndefined();
  return { log, ledger, following };
}

async function expectAllKnown(log: MemoryLedger, delivered: readonly VersionId[]): Promise<void> {
  const later = await started(log);
  expect(delivered.filter((id) => !later.state.isDelivered(id, 0))).toEqual([]);
  expect(
    [...later.state.unsettled()].filter(({ uploader }) => uploader === "till").map(({ path }) => path),
  ).toEqual(["c"]);
}

test("what is delivered of an uploader that was forgotten takes nothing from what its mark said", async () => {
  const { log, ledger, following } = await forgotten();
  using _following = following;
  await log.append(noted(next));
  expect(ledger.state.isDelivered(due, 0)).toBe(false);
  await ledger.writeDelivered([stored(next)], store);
  await expectAllKnown(log, [first, second, next]);
});

test("nor does what is delivered before its uploader has noted it", async () => {
  const { log, ledger, following } = await forgotten();
  using _following = following;
  await ledger.writeDelivered([stored(next)], store);
  await log.append(noted(next));
  await ledger.tidy(all, all);
  await expectAllKnown(log, [first, second, next]);
});

test("what is read once more of one uploader says nothing of what another one has noted before that", async () => {
  const log = new MemoryLedger([noted(of("busy", "x", 1)), noted(first), noted(second)]);
  const ledger = await GroupLedger.open("group", log, undefined, { marksLimits });
  await ledger.writeDelivered([stored(first), stored(second)], store);
  const following = log.follow(ledger);
  const [open, sent] = [of("busy", "open", 20), of("busy", "sent", 21)];
  for (let at = 0; at < 10; at++)
    await log.append(noted(of(`other-${at}`, "x", 10)), { ...noted(sent), open: [open.version] });
  const { marks } = ledger.state.versions;
  expect([marks.isWhole("till"), marks.isWhole("busy")]).toEqual([false, true]);
  // From now on it is behind.
  following[Symbol.dispose]();
  await log.allRead();
  log.entries.push(noted(open), noted(next));
  await ledger.writeDelivered([stored(next), stored(sent)], store);
  await ledger.readToEnd();
  expect([...ledger.state.unsettled()].map(({ path }) => path)).toContain("open");
  const later = await started(log);
  expect([...later.state.unsettled()].map(({ path }) => path)).toContain("open");
});

test("that there are too many to be kept is said, once", async () => {
  const some = Array.from({ length: 10 }, (_, at) => noted(of(`other-${at}`, "x", 10)));
  const log = new MemoryLedger(some);
  const ledger = await GroupLedger.open("group", log, undefined, { marksLimits });
  const lines: string[] = [];
  const said = Promise.withResolvers<void>();
  const hear = (line: string) => {
    lines.push(line);
    if (line.includes("more uploaders, in so many partitions")) said.resolve();
  };
  const abort = new AbortController();
  const followed = ledger.follow(abort.signal, new HeardLog("test", hear));
  await said.promise;
  await log.append(noted(next));
  await ledger.readToEnd();
  abort.abort();
  await followed;
  expect(lines).toHaveLength(1);
});

test("a mark that was to be written, and is forgotten, is not written", async () => {
  const log = new MemoryLedger([noted(first), noted(second), noted(due)]);
  const ledger = await GroupLedger.open("group", log, undefined, { marksLimits });
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(first), stored(second)], store);
  const [mark] = log.written;
  if (mark?.kind !== "done") throw new Error("no mark");
  // It says less than is known: it is to be written again.
  await log.append({ ...mark, to: 0, at: 0, but: [] });
  for (let at = 0; at < 10; at++) await log.append(noted(of(`other-${at}`, "x", 10)));
  log.written.length = 0;
  await ledger.tidy(all, all);
  expect(log.written).toEqual([]);
});

test("where an uploader's marks alone are too much, none of them is written over as if it had said nothing", async () => {
  const log = new MemoryLedger([]);
  const ledger = await GroupLedger.open("group", log, undefined, { marksLimits });
  using _following = log.follow(ledger);
  const sent = Array.from({ length: 40 }, (_, partition) => {
    const id = of("till", `p${partition}`, 10 + partition);
    const { files, ...batch } = noted(id);
    const [file] = files;
    return { id, entry: { ...batch, files: file ? [{ ...file, partition }] : [] } };
  });
  for (const [partition, { id, entry }] of sent.entries()) {
    await log.append(entry);
    await ledger.writeDelivered([{ ...stored(id), partition }], store);
  }
  for (const [partition, { id }] of sent.entries()) {
    const another = { ...id, path: `q${partition}`, version: 100 + partition };
    await ledger.writeDelivered([{ ...stored(another), partition }], store);
  }
  const later = await started(log);
  expect(sent.filter(({ id }, partition) => !later.state.isDelivered(id, partition))).toEqual([]);
});

test("nothing is read once more for an uploader of which all is known, whatever was forgotten of others", async () => {
  const { log, ledger, following } = await forgotten();
  using _following = following;
  await ledger.writeDelivered([stored(next)], store);
  const { opened } = log;
  const another = of("till", "e", 5);
  expect(await ledger.findSuperseded([another])).toEqual([]);
  await ledger.writeDelivered([stored(another)], store);
  expect(log.opened).toBe(opened);
  await expectAllKnown(log, [first, second, next, another]);
});

test("nor to write the mark of one that was forgotten, if nothing of it is delivered: that could be anybody's", async () => {
  const { log, ledger, following } = await forgotten();
  using _following = following;
  const mark = log.written.find(({ kind }) => kind === "done");
  if (mark?.kind !== "done") throw new Error("no mark");
  const early = [{ path: "z", version: 9, size: 5, checksum: "md5:5d41402abc4b2a76b9719d911017c592" }];
  await log.append({ ...mark, to: 0, at: 0, but: [], early }, { ...mark, to: 0, at: 0, but: [] });
  expect(ledger.state.isUntidy).toBe(true);
  const { opened } = log;
  await ledger.tidy(all, all);
  expect([log.opened, ledger.state.isUntidy]).toEqual([opened, false]);
});
