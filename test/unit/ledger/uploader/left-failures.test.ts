/** Marks that leave it to receipts which of many versions have failed: see docs/protocol.md, "Marks". */
import { expect, test } from "bun:test";
import { Feedback } from "../../../../agent/ledger/uploader/feedback.ts";
import { FileEntries } from "../../../../agent/ledger/uploader/file-entries.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { type DoneEntry, type Entry, keyOf, tombstone } from "../../../../agent/wire/entry.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";
import { failed, noted } from "../../../support/entries.ts";

const id = { uploader: "till", path: "a", version: 7 };
const mark: DoneEntry = {
  ...{ kind: "done", group: "group", uploader: "till", partition: 0 },
  ...{ format: 1, to: 9, at: 50, but: [], also: [], early: [], by: {}, time: "", failed: 7 },
};

/** What the uploader of one file knows once it has read these in turn: `sent` is its own entry. */
function heard(...entries: (Entry | "sent" | "loaded")[]): Feedback {
  const files = new FileEntries();
  const feedback = new Feedback(["group"], files, new Log({ level: "error", format: "text", agent: "test" }));
  for (const [offset, entry] of entries.entries())
    if (entry === "loaded") feedback.endLoading();
    else if (entry === "sent") note(files, feedback, { ...noted(id).files[0], at: 3 } as FileValue);
    else feedback.apply(entry, offset);
  return feedback;
}

function note(files: FileEntries, feedback: Feedback, value: FileValue): void {
  if (files.versionOf(id.path) !== value.version) feedback.leaveVersion(id.path);
  files.set(id.path, value, 0);
  feedback.noteEntry(id.path, value);
}

const isDelivered = (...entries: (Entry | "sent" | "loaded")[]) =>
  heard(...entries).receipts.isDelivered("a");
const over = tombstone(keyOf(failed(id)));

test("a file is not delivered by its number as long as a receipt stands that it has failed, whenever that is read", () => {
  expect(isDelivered("sent", mark, "loaded")).toBe(true);
  expect(isDelivered("sent", failed(id), mark, "loaded")).toBe(false);
  expect(isDelivered(failed(id), mark, "sent", "loaded")).toBe(false);
  expect(isDelivered("sent", "loaded", failed(id), mark)).toBe(false);
  expect(isDelivered("loaded", failed(id), mark, "sent")).toBe(false);
});

test("it is once that is taken back, or where the mark names it, or leaves nothing of its number to receipts", () => {
  expect(isDelivered("sent", "loaded", failed(id), mark, over)).toBe(true);
  expect(isDelivered("sent", failed(id), mark, over, "loaded")).toBe(true);
  expect(isDelivered("sent", failed(id), { ...mark, also: [7] }, "loaded")).toBe(true);
  expect(isDelivered("sent", failed(id), { ...mark, failed: 6 }, "loaded")).toBe(true);
  expect(isDelivered("sent", failed({ ...id, version: 6 }), mark, "loaded")).toBe(true);
});
