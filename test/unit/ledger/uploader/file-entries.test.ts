import { expect, test } from "bun:test";
import { FileEntries } from "../../../../agent/ledger/uploader/file-entries.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";

const attributes = { store: "0042" };
const entry: FileValue = {
  version: 7,
  state: "sending",
  size: 5,
  mtime: "1",
  ctime: "1",
  inode: "1",
};

test("an entry is given back as it was, with its attributes if it has some", () => {
  const entries = new FileEntries();
  entries.set("a", { ...entry, attributes }, 0);
  entries.set("b", entry, 0);
  expect(entries.get("a")).toEqual({ ...entry, attributes });
  expect(entries.get("b")).toEqual(entry);
  entries.set("a", { ...entry, version: 8 }, 0);
  expect(entries.get("a")).toEqual({ ...entry, version: 8 });
  entries.set("a", undefined, 0);
  expect(entries.get("a")).toBeUndefined();
});

test("files that have the same attributes have one object of them", () => {
  const entries = new FileEntries();
  for (const path of ["a", "b"]) entries.set(path, { ...entry, attributes: { ...attributes } }, 0);
  entries.set("c", { ...entry, attributes: { store: "0043" } }, 0);
  const shared = entries.get("a")?.attributes;
  expect(shared).toEqual(attributes);
  expect(entries.get("b")?.attributes).toBe(shared as NonNullable<typeof shared>);
  expect(entries.get("c")?.attributes).toEqual({ store: "0043" });
});

test("however many sets there are, each file has its own", () => {
  const entries = new FileEntries();
  for (let at = 0; at < 1000; at++) entries.set(`${at}`, { ...entry, attributes: { at: `${at}` } }, 0);
  for (const at of ["0", "500", "999"]) expect(entries.get(at)?.attributes).toEqual({ at });
});

test("whether a file is gone its attributes do not tell", () => {
  const entries = new FileEntries();
  entries.set("a", { ...entry, attributes: { state: "gone" } }, 0);
  expect([entries.isPresent("a"), entries.isSent("a")]).toEqual([true, false]);
  entries.set("a", { ...entry, state: "gone", attributes: { state: "sent" } }, 0);
  expect([entries.isPresent("a"), entries.isSent("a")]).toEqual([false, false]);
});

test("a file counts as sent only as long as its entry says so: not one that was given up, or is sent anew", () => {
  const entries = new FileEntries();
  const reason = '"state":"sent"';
  for (const state of ["sending", "abandoned", "gone"] as const) {
    entries.set("a", { ...entry, state, reason }, 0);
    expect(entries.isSent("a")).toBe(false);
  }
  const where = { topic: "topic", partition: 0, offset: 1, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  entries.set("a", { ...entry, state: "sent", ...where }, 0);
  expect(entries.isSent("a")).toBe(true);
  entries.set("a", undefined, 0);
  expect(entries.isSent("a")).toBe(false);
});
