import { expect, test } from "bun:test";
import { describeGroup, describeUploader } from "../../../../agent/commands/forget-text.ts";
import { surveyGroup, surveyUploader } from "../../../../agent/ledger/forget/survey.ts";
import type { Entry, NameEntry } from "../../../../agent/wire/entry.ts";
import {
  delivered,
  failed,
  first,
  needs,
  noted,
  other,
  second,
  time,
  without,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const elsewhere = { uploader: "office", path: "c.txt", version: 100 };
const name: NameEntry = {
  ...{ kind: "name", uploader: "till", format: 1, instance: "1", host: "till-7" },
  ...{ state: "held", highest: 300, epoch: 0 },
};
const released: NameEntry = { ...name, state: "released" };
const start = (offset: number, group = "group"): Entry => ({
  ...{ kind: "start", group, format: 1, topic: "topic", offsets: { "0": offset }, time },
});

/** What the command says of till, line by line. */
async function saidOf(...entries: Entry[]): Promise<string[]> {
  const survey = await surveyUploader(new MemoryLedger(entries), "till");
  return survey ? describeUploader("till", survey).slice(0, -2) : [];
}

test("of an uploader it is said which group has not got what", async () => {
  expect(
    await saidOf(
      ...[noted(first), noted(other), noted(elsewhere), start(0), start(0, "archive"), name],
      ...[delivered(first), delivered(elsewhere)],
    ),
  ).toEqual([
    "uploader till: 2 files sent, 0 being sent, 0 gone at the source",
    "  name: held by an agent on till-7, last heard of 1970-01-01T00:00:00.000Z; it is asked before anything is done, and one that works is left alone",
    "  group group has not got 1 file (b.txt)",
    "  group archive has not got 2 files (a.txt, b.txt)",
  ]);
});

test("what can't be stored is not missing, a newer version is, and so is what was taken back", async () => {
  const said = (...entries: Entry[]) => saidOf(start(0), ...entries).then((lines) => lines[2]);
  expect(await said(noted(first), failed(first))).toBe("  group group has all that was sent");
  expect(await said(noted(first), failed(first), noted(second))).toContain("has not got 1 file (a.txt)");
  expect(await said(noted(second), delivered(first))).toContain("has not got 1 file");
  expect(await said(noted(second), delivered(second))).toContain("has all");
  expect(await said(noted(first), delivered(first), without(delivered(first)))).toContain(
    "has not got 1 file",
  );
  expect(await said(noted(first), needs(first))).toBe(
    "  group group has not got 1 file (a.txt); it asks for 1 file (a.txt)",
  );
});

test("what has failed only as its uploader does not answer is missing", async () => {
  const silent: Entry = Object.assign(failed(first), {
    reason: "not answered since 2025-04-15: it may be gone",
  });
  expect((await saidOf(start(0), noted(first), silent))[2]).toBe("  group group has not got 1 file (a.txt)");
  expect((await saidOf(start(0), noted(first), silent, delivered(first)))[2]).toContain("has all");
});

test("what was sent before a group began is none of its", async () => {
  expect((await saidOf(start(8), noted(first), noted(second)))[2]).toContain("has all that was sent");
  expect((await saidOf(noted(first), start(7)))[2]).toContain("has not got 1 file");
});

test("files that are being sent or gone are counted, the first ones named", async () => {
  const ids = Array.from({ length: 5 }, (_, at) => ({ ...first, path: `file-${at}` }));
  const lines = await saidOf(...ids.map((id) => noted(id, "sending")), noted(first, "gone"), released);
  expect(lines).toEqual([
    "uploader till: 0 files sent, 5 being sent, 1 gone at the source",
    "  name: given back by the agent on till-7, last heard of 1970-01-01T00:00:00.000Z",
    "  being sent: 5 files (file-0, file-1, file-2 and 2 more)",
  ]);
  expect((await saidOf(noted(first)))[2]).toBe("  no group is known: nobody has got 1 file (a.txt)");
});

test("nothing of an uploader is to be forgotten but what stands, or a name that is held", async () => {
  expect(await saidOf(noted(first), without(noted(first)), released, noted(elsewhere))).toEqual([]);
  expect((await saidOf(start(0), name)).length).toBe(3);
  expect((await saidOf(delivered(first))).length).toBeGreaterThan(1);
});

test("of a group it is said what it has not got of whom, and what it asks for", async () => {
  const entries = [start(0), noted(first), noted(other), noted(elsewhere), delivered(first), needs(other)];
  const survey = await surveyGroup(new MemoryLedger(entries), "group");
  expect(survey && describeGroup("group", survey, []).slice(0, 3)).toEqual([
    `group group: 2 receipts, began ${time}; nobody is in it`,
    "  it has not got 2 files (till/b.txt, office/c.txt): nobody misses that any more",
    "  it asks uploaders for 1 file (till/b.txt): the requests are taken back",
  ]);
  expect(await surveyGroup(new MemoryLedger(entries), "archive")).toBeUndefined();
  expect(
    await surveyGroup(new MemoryLedger([start(0), without(start(0)), noted(first)]), "group"),
  ).toBeUndefined();
});
