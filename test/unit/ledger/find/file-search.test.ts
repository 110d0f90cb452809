import { expect, test } from "bun:test";
import { type FileQuestion, FileSearch } from "../../../../agent/ledger/find/file-search.ts";
import { findFiles } from "../../../../agent/ledger/find/find-files.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import { delivered, filesEntry, first, noted } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const till = (path: string, version = 100) => ({ uploader: "Till", path, version });
const everything: FileQuestion = { text: "", state: undefined, limit: 100 };

function search(entries: readonly Entry[], uploader?: string) {
  const ledger = new MemoryLedger(entries);
  const files = new FileSearch({ uploader, now: () => performance.now() });
  files.ledger = ledger;
  const paths = async (asked: Partial<FileQuestion> = {}) => {
    const { items } = await files.find({ ...everything, ...asked });
    return items.map(({ uploader, path }) => `${uploader}/${path}`);
  };
  return { ledger, files, paths };
}

const some = [
  noted(till("Photos/a.jpg", 1)),
  noted(till("b%0Ac.txt", 2)),
  noted(till("100%25.txt", 3)),
  noted({ uploader: "till-2", path: "a.jpg", version: 4 }),
];

test("a part of the uploader's name and the path is found, letter case ignored, as people see it or as it is written", async () => {
  const { paths, files } = search(some);
  expect(await paths()).toEqual(["till-2/a.jpg", "Till/100%25.txt", "Till/b%0Ac.txt", "Till/Photos/a.jpg"]);
  expect(await paths({ text: "A.JPG" })).toEqual(["till-2/a.jpg", "Till/Photos/a.jpg"]);
  expect(await paths({ text: "l/photos/" })).toEqual(["Till/Photos/a.jpg"]);
  expect(await paths({ text: "b\nc" })).toEqual(["Till/b%0Ac.txt"]);
  expect(await paths({ text: "%0a" })).toEqual(["Till/b%0Ac.txt"]);
  expect(await paths({ text: "00%.t" })).toEqual(["Till/100%25.txt"]);
  expect(await paths({ text: "nowhere" })).toEqual([]);
  await files.end();
});

test("the count is of all that fit, the items as many as are asked for, and one state can be asked for", async () => {
  const { files } = search([noted(first), noted(till("x", 1)), noted(till("y", 2)), delivered(till("y", 2))]);
  const two = await files.find({ ...everything, limit: 2 });
  expect([two.count, two.items.length, two.more]).toEqual([3, 2, undefined]);
  const sent = await files.find({ ...everything, state: "sent", limit: 1 });
  expect([sent.count, sent.items.length]).toEqual([2, 1]);
  const { items } = await files.find({ ...everything, state: "delivered" });
  expect(items).toMatchObject([{ path: "y", state: "delivered", groups: [{ group: "group" }] }]);
  await files.end();
});

test("an uploader finds only its own", async () => {
  const { paths, files } = search(some, "till-2");
  expect(await paths()).toEqual(["till-2/a.jpg"]);
  await files.end();
});

test("who asks for the same shares a reading, and readings come one after the other", async () => {
  const { ledger, paths, files } = search(some);
  await Promise.all([
    paths({ text: "A" }),
    paths({ text: "a", limit: 1 }),
    paths({ text: "a", state: "sent" }),
  ]);
  // Each reads it twice.
  expect(ledger.opened).toBe(2);
  await paths({ text: "a" });
  expect(ledger.opened).toBe(2);
  await Promise.all([paths({ text: "b" }), paths({ text: "c" })]);
  expect(ledger.opened).toBe(6);
  await files.end();
});

test("a ninth question is refused while eight wait, and all are when the agent stops", async () => {
  const { ledger, paths, files } = search(some);
  // A broker that does not answer.
  ledger.open = () => new Promise(() => undefined);
  const asked = Array.from({ length: 8 }, (_, at) => paths({ text: `text ${at}` }));
  expect(paths({ text: "one more" })).rejects.toThrow("ask again");
  const ended = Promise.allSettled(asked);
  await files.end();
  expect((await ended).map(({ status }) => status)).toEqual(Array(8).fill("rejected"));
  expect(paths()).rejects.toThrow("being stopped");
});

test("without a ledger nobody waits for one", () => {
  const files = new FileSearch({ uploader: undefined, now: () => performance.now() });
  expect(files.find(everything)).rejects.toThrow("not known yet");
});

test("of too many files those of the newest versions are kept, and it is said that there are more", async () => {
  const entries = Array.from({ length: 1000 }, (_, at) => noted(till(`file-${at}`, 1000 + at)));
  // The oldest becomes the newest, in a batch that takes the place of its first.
  entries.push(noted(till("file-0", 5000)));
  const sought = { uploader: undefined, isPath: () => true };
  const few = await findFiles(new MemoryLedger(entries), { ...sought, most: 50 });
  const newest = [...few.files()].map(({ path }) => path);
  expect(few.hasMore).toBe(true);
  expect([few.count >= 50, few.count <= 100, newest.length]).toEqual([true, true, few.count]);
  const expected = ["file-0", ...Array.from({ length: few.count - 1 }, (_, at) => `file-${999 - at}`)];
  expect(newest).toEqual(expected);
  const all = await findFiles(new MemoryLedger(entries), { ...sought, most: 1000 });
  expect([all.count, all.hasMore]).toEqual([1000, false]);
});

test("files of one batch that are too many are kept as the others are", async () => {
  const files = Array.from({ length: 300 }, (_, at) => at);
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const says = (at: number) =>
    ({ path: `f${at}`, version: 1 + at, state: "sent", size: 5, ...times }) as const;
  const where = { topic: "topic", partition: 0, offset: 7, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  const [head, ...rest] = files.map((at) => ({ ...says(at), ...where }));
  if (!head) throw new Error("no file");
  const ledger = new MemoryLedger([filesEntry("Till", head, ...rest)]);
  const found = await findFiles(ledger, { uploader: undefined, isPath: () => true, most: 20 });
  expect([...found.files()][0]).toMatchObject({ path: "f299", state: "sent" });
  expect([found.hasMore, found.count <= 40]).toEqual([true, true]);
});
