/** A state that was packed and unpacked in the middle of a ledger comes to the same as one that was not. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GroupState } from "../../../../../agent/ledger/group/group-state.ts";
import { Packer, Unpacker } from "../../../../../agent/lib/packed.ts";
import { answersOf, entriesOf, firstVersion, readAll } from "../../../../support/any-ledger.ts";
import { Random } from "../../../../support/random.ts";

function packed(state: GroupState): Buffer {
  const to = new Packer();
  state.pack(to);
  return Buffer.concat(to.pieces());
}

function resumed(state: GroupState): GroupState {
  const other = new GroupState("group", () => 0, "ledger");
  const from = new Unpacker(packed(state));
  other.unpack(from);
  expect(from.isAtEnd).toBe(true);
  return other;
}

test("a state that was packed and unpacked comes to the same as one that was not, wherever that was", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    const logged = entriesOf(random, 5 + random.below(60));
    const [whole, until] = [random.below(logged.length), random.below(logged.length)].sort((a, b) => a - b);
    const unbroken = readAll(logged.slice(0, whole));
    const broken = readAll(logged.slice(0, whole));
    for (const one of logged.slice(whole, until))
      for (const state of [unbroken, broken]) state.apply(structuredClone(one));
    // Who goes on in a ledger knows that it is the same one.
    await unbroken.versions.marks.doubts.settle(async () => true);
    const other = resumed(broken);
    for (const one of logged.slice(until))
      for (const state of [unbroken, other]) state.apply(structuredClone(one));
    const newest = firstVersion + 2 * logged.length;
    expect({ seed, answers: answersOf(other, newest) }).toEqual({
      seed,
      answers: answersOf(unbroken, newest),
    });
  }
});

test("so does one of a ledger that was made anew, which still knows what was settled in the one before", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const logged = entriesOf(random, 5 + random.below(40));
    const unbroken = readAll(logged);
    unbroken.ledgerRecreated("another");
    const half = logged.length >> 1;
    unbroken.beginReading();
    unbroken.beginSecondPass();
    unbroken.endReading();
    const other = resumed(unbroken);
    for (const one of logged.slice(half))
      for (const state of [unbroken, other])
        state.apply(structuredClone({ ...one, offset: one.offset - half }));
    const newest = firstVersion + 2 * logged.length;
    expect({ seed, answers: answersOf(other, newest) }).toEqual({
      seed,
      answers: answersOf(unbroken, newest),
    });
  }
});

/** What a class has besides, and why it is not packed. */
const transient: Readonly<Record<string, string>> = {
  // Of the process.
  "GroupState recreations": "counts what sessions have not heard of",
  "GroupState ledgerId": "is the summary's",
  "GroupStart topicId": "is told by each session",
  "AllMarks beside": "is made of the uploaders that are packed",
  "SentVersions options": "given",
  "SentVersions hasStored": "is told by each session",
  "SentVersions differing": "is only for the log",
  "Silence now": "given",
  "FailedVersions silence": "given",
  "UploaderMarks uploader": "given",
  "AllMarks most": "given",
  "VersionIndex maxSlots": "given",
  "DueVersions all": "given",
  // Of a reading that is under way: then nothing is packed.
  "Reading pass": "none by then",
  "Reading isComplete": "true by then",
  "Reading firstEnds": "of a pass",
  "Reading failures": "of a pass",
  "SentVersions loading": "of a pass",
  "DueVersions loading": "of a pass",
  "DueVersions loadingBelow": "of a pass",
  "Announced sure": "all is, once it is the same ledger again",
  "Announced asked": "of the moment",
  // What comes of the rest.
  "Marks few": "by its values",
  "Marks many": "by its values",
  "Marks resting": "by its values",
  "Marks activeBytes": "comes of the marks",
  "Marks changed": "of the moment",
  "AllMarks changed": "of the moment",
  "AllMarks bytes": "comes of the marks",
  "AllMarks due": "counts those of the uploaders",
  "DueVersions numbers": "comes of the files",
  "DueVersions slots": "comes of the files",
  "DueVersions failedCount": "comes of the files",
  "DueVersions bytes": "comes of the files",
  "EarlyFiles byPath": "by its values",
  "EarlyFiles bytes": "comes of the files",
  "Outstanding bySize": "comes of the shares",
  "Outstanding largest": "comes of the shares",
  "Outstanding size": "comes of the shares",
  "Outstanding bytes": "comes of the shares",
  "VersionIndex slots": "comes of the entries",
  "VersionIndex used": "comes of the entries",
};

test("each field of what is packed is packed, or has a reason not to be", () => {
  const folder = join(import.meta.dir, "../../../../../agent/ledger/group");
  const missing: string[] = [];
  let found = 0;
  for (const name of readdirSync(folder).filter((one) => one.endsWith(".ts"))) {
    const source = readFileSync(join(folder, name), "utf8");
    const [, packing = ""] = /\n {2}pack\((.*?\n {2}\})\n/s.exec(source) ?? [];
    if (packing === "") continue;
    found++;
    // The class that packs: a file may have another one before it.
    const of = [...(source.split("\n  pack(")[0] ?? "").matchAll(/\nexport class (\w+)/g)].at(-1)?.[1];
    const parts = /\n {2}#(?:parts|indexes)\(.*?\n {2}\}\n/s.exec(source)?.[0] ?? "";
    for (const [, field] of source.matchAll(/\n {2}(?:readonly )?#(\w+)(?::| = )/g))
      if (!new RegExp(`#${field}\\b`).test(packing + parts) && !transient[`${of} ${field}`])
        missing.push(`${of} ${field}`);
  }
  expect(missing).toEqual([]);
  expect(found).toBeGreaterThan(10);
});
