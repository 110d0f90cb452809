import { expect, test } from "bun:test";
import { Feedback, type News } from "../../../../agent/ledger/uploader/feedback.ts";
import { FileEntries } from "../../../../agent/ledger/uploader/file-entries.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { type DoneEntry, type Entry, keyOf, tombstone } from "../../../../agent/wire/entry.ts";
import type { DoneValue, FileValue } from "../../../../agent/wire/entry-value.ts";

const checksum = "md5:5d41402abc4b2a76b9719d911017c592";

function sent(version: number): FileValue {
  const where = { topic: "topic", partition: 0, offset: 3 };
  return {
    version,
    state: "sent",
    size: 5,
    mtime: "0",
    ctime: "0",
    inode: "1",
    checksum,
    ...where,
  };
}

function receiptOf(kind: "delivered" | "failed", version: number, group = "hub"): Entry {
  const key = { group, uploader: "till", path: "a", version };
  return kind === "delivered" ? early(version, group) : { ...key, kind, format: 1, reason: "too long", time };
}

const time = "";

/** A mark that says it of this version, noted or not, and of nothing else. */
function early(version: number, group: string, path = "a"): Entry {
  return {
    ...{ kind: "done", group, uploader: "till", partition: 0 },
    ...{ format: 1, to: 0, at: 0, but: [], also: [], by: {}, time },
    early: [{ path, version, size: 5, checksum }],
  };
}

/** What takes that back: of a mark, the wish to have the version again. */
function tombstoneOf(entry: Entry): Entry {
  const [file] = entry.kind === "done" ? entry.early : [];
  if (entry.kind !== "done" || !file) return tombstone(keyOf(entry));
  const { group, uploader } = entry;
  return { kind: "again", group, uploader, path: file.path, version: file.version, format: 1, time };
}

/** What is new by now; what comes then nobody listens to. */
async function newsOf(feedback: Feedback): Promise<News[]> {
  return await Array.fromAsync(feedback.news(AbortSignal.abort()));
}

/** Of an uploader of the path "a"; `put` gives it an entry. */
function prepare(groups: readonly string[] | "any" = ["hub", "mirror"]) {
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const files = new FileEntries();
  const feedback = new Feedback(groups === "any" ? undefined : groups, files, log);
  const put = (value: FileValue | undefined, path = "a") => {
    if (files.versionOf(path) !== value?.version) feedback.leaveVersion(path);
    files.set(path, value, 0);
    feedback.noteEntry(path, value);
  };
  return { feedback, put };
}

test("a version is delivered when each group has it, and settled when each has it or can't store it", () => {
  const { feedback, put } = prepare();
  feedback.endLoading();
  put(sent(7));
  feedback.apply(receiptOf("delivered", 7), 0);
  expect([
    feedback.receipts.isDelivered("a"),
    feedback.receipts.isSettled("a"),
    feedback.receipts.isFailed("a"),
  ]).toEqual([false, false, false]);
  feedback.apply(receiptOf("failed", 7, "mirror"), 1);
  expect([
    feedback.receipts.isDelivered("a"),
    feedback.receipts.isSettled("a"),
    feedback.receipts.isFailed("a"),
  ]).toEqual([false, true, true]);
  feedback.apply(receiptOf("delivered", 7, "mirror"), 2);
  expect([
    feedback.receipts.isDelivered("a"),
    feedback.receipts.isSettled("a"),
    feedback.receipts.isFailed("a"),
  ]).toEqual([true, true, false]);
});

test("a receipt that comes before the entry it is about counts as soon as that is there", async () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  const over = new AbortController();
  const news = Array.fromAsync(feedback.news(over.signal));
  put(sent(6));
  feedback.apply(receiptOf("delivered", 7), 0);
  expect(feedback.receipts.isDelivered("a")).toBe(false);
  const { checksum: _, ...sending } = sent(7);
  put({ ...sending, state: "sending" });
  expect(feedback.receipts.isDelivered("a")).toBe(false);
  put(sent(7));
  expect(feedback.receipts.isDelivered("a")).toBe(true);
  over.abort();
  expect(await news).toMatchObject([
    { kind: "receipt", receipt: { verdict: "delivered", path: "a", version: 7 } },
  ]);
});

test("of receipts without an entry the newest delivered one counts, until there is an entry of that version", () => {
  const { feedback, put } = prepare();
  put(sent(5));
  feedback.apply(receiptOf("delivered", 5), 0);
  feedback.apply(receiptOf("delivered", 7), 1);
  feedback.apply(receiptOf("delivered", 6), 2);
  feedback.apply(receiptOf("failed", 8), 3);
  feedback.apply(receiptOf("delivered", 9, "stranger"), 4);
  feedback.endLoading();
  expect(feedback.deliveredUnnoted("a")).toMatchObject({ version: 7, size: 5, checksum });
  feedback.apply(tombstoneOf(receiptOf("delivered", 7)), 5);
  expect(feedback.deliveredUnnoted("a")).toMatchObject({ version: 6 });
  put(sent(6));
  expect(feedback.deliveredUnnoted("a")).toBeUndefined();
});

test("a version that was not noted has its attributes from its receipt; who hears of a delivery need not know them", async () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  const over = new AbortController();
  const news = Array.fromAsync(feedback.news(over.signal));
  const attributes = { store: "0042" };
  const mark = early(7, "hub");
  if (mark.kind === "done") for (const file of mark.early) file.attributes = attributes;
  feedback.apply(mark, 0);
  expect(feedback.deliveredUnnoted("a")?.attributes).toEqual(attributes);
  put(sent(7));
  over.abort();
  const [heard] = await news;
  expect(heard).toMatchObject({ kind: "receipt", receipt: { version: 7 } });
  expect(heard?.kind === "receipt" && heard.receipt.attributes).toBeUndefined();
});

test("another version of the path has not been delivered", () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  put(sent(7));
  feedback.apply(receiptOf("delivered", 7), 0);
  put({ ...sent(7), state: "gone" });
  expect(feedback.receipts.isDelivered("a")).toBe(true);
  put(sent(8));
  expect(feedback.receipts.isDelivered("a")).toBe(false);
  feedback.apply(receiptOf("delivered", 7), 1);
  expect(feedback.receipts.isDelivered("a")).toBe(false);
});

test("a receipt that is taken back no longer counts, whether its entry was there or not", () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  put(sent(7));
  feedback.apply(receiptOf("delivered", 7), 0);
  feedback.apply(tombstoneOf(receiptOf("delivered", 7)), 1);
  expect(feedback.receipts.isDelivered("a")).toBe(false);
  feedback.apply(receiptOf("delivered", 8), 2);
  feedback.apply(tombstoneOf(receiptOf("delivered", 8)), 3);
  put(sent(8));
  expect(feedback.receipts.isDelivered("a")).toBe(false);
});

test("a group that does not count says nothing; without a choice of groups, any one's word is enough", () => {
  const chosen = prepare(["hub"]);
  chosen.put(sent(7));
  chosen.feedback.apply(receiptOf("delivered", 7, "stranger"), 0);
  expect(chosen.feedback.receipts.isDelivered("a")).toBe(false);
  const any = prepare("any");
  any.put(sent(7));
  any.feedback.apply(receiptOf("failed", 7, "stranger"), 0);
  expect(any.feedback.receipts.isSettled("a")).toBe(true);
});

test("what was said before the start is known at its end, and failures are told once", async () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.apply(receiptOf("failed", 7), 0);
  feedback.apply(
    {
      kind: "needs",
      group: "hub",
      uploader: "till",
      path: "a",
      version: 7,
      format: 1,
      ranges: [[0, 5]],
      time: "",
    },
    3,
  );
  put({ ...sent(7), answered: 2 });
  feedback.endLoading();
  const asked = { kind: "needs", path: "a" };
  const failure = { group: "hub", version: 7, reason: "too long" };
  expect(await newsOf(feedback)).toMatchObject([asked, { kind: "receipt", receipt: failure }]);
  expect(await newsOf(feedback)).toMatchObject([asked]);
  expect(feedback.request("a")).toMatchObject({ ranges: [[0, 5]], offset: 3 });
  put({ ...sent(7), answered: 3 });
  expect(feedback.request("a")).toBeUndefined();
});

test("what is asked for at or past the end, of nothing, or backwards, is no request; of the rest what is in the file", async () => {
  const { feedback, put } = prepare(["hub"]);
  put(sent(7));
  const ask = (group: string, ranges: [number, number][]) =>
    feedback.apply(
      {
        kind: "needs",
        group,
        uploader: "till",
        path: "a",
        version: 7,
        format: 1,
        ranges,
        time: "",
      },
      1,
    );
  feedback.endLoading();
  for (const nothing of [[[5, 9]], [[7, 9]], [[3, 3]], [[4, 2]], []] as [number, number][][]) {
    ask("hub", nothing);
    expect(feedback.request("a")).toBeUndefined();
    expect(await newsOf(feedback)).toEqual([]);
  }
  ask("hub", [[5, 9]]);
  ask("mirror", [
    [3, 2],
    [4, 9],
  ]);
  expect(feedback.request("a")).toMatchObject({ ranges: [[4, 5]] });
});

test("news of the same that nobody has heard yet are one; of each group that can't store it there are some", async () => {
  const { feedback, put } = prepare(["hub", "mirror"]);
  feedback.endLoading();
  put(sent(7));
  const over = new AbortController();
  const heard = feedback.news(over.signal);
  const first = heard.next();
  const needs = { kind: "needs", uploader: "till", path: "a", version: 7, format: 1, time: "" } as const;
  for (let offset = 0; offset < 1000; offset++)
    feedback.apply({ ...needs, group: `group-${offset % 3}`, ranges: [[0, 5]] }, offset);
  for (const group of ["hub", "mirror"]) {
    feedback.apply(receiptOf("failed", 7, group), 1000);
    feedback.apply(receiptOf("delivered", 7, group), 1001);
  }
  feedback.noteNewer("a", 9);
  over.abort();
  const news = [(await first).value, ...(await Array.fromAsync(heard))];
  expect(news).toMatchObject([
    { kind: "needs", path: "a" },
    { kind: "receipt", receipt: { verdict: "failed", group: "hub" } },
    { kind: "receipt", receipt: { verdict: "delivered", group: "mirror" } },
    { kind: "receipt", receipt: { verdict: "failed", group: "mirror" } },
    { kind: "newer", version: 9 },
  ]);
});

test("what comes while its listener is at work is heard after that", async () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  put(sent(7));
  const over = new AbortController();
  const heard: string[] = [];
  const listening = (async () => {
    for await (const { kind } of feedback.news(over.signal)) {
      heard.push(kind);
      await Bun.sleep(1);
    }
  })();
  feedback.noteNewer("a", 8);
  await Bun.sleep(0);
  expect(heard).toEqual(["newer"]);
  feedback.apply(receiptOf("delivered", 7), 0);
  feedback.noteNewer("a", 9);
  over.abort();
  await listening;
  expect(heard).toEqual(["newer", "receipt", "newer"]);
});

test("what can't be stored, of before anybody listens, is bounded, and what was taken back is no news", async () => {
  const { feedback, put } = prepare("any");
  put(sent(1));
  for (let at = 0; at < 20_000; at++) {
    const receipt = receiptOf("failed", 1, `group-${at}`);
    feedback.apply(receipt, 2 * at);
    if (at < 19_999) feedback.apply(tombstoneOf(receipt), 2 * at + 1);
  }
  feedback.endLoading();
  expect(await newsOf(feedback)).toHaveLength(1);
});

function mark(says: Partial<DoneValue> & { group?: string; partition?: number }): Entry {
  const { group = "hub", partition = 0, ...value } = says;
  const key = { kind: "done", group, uploader: "till", partition } as const;
  return { ...key, format: 1, to: 0, at: 0, but: [], also: [], early: [], by: {}, time, ...value };
}

const paths = ["a", "b", "c", "d"];
const delivered = ({ receipts }: Feedback) => paths.filter((path) => receipts.isDelivered(path));

test("a mark settles what was noted before it, up to its number, but for what it names", () => {
  for (const isLoadedFirst of [true, false]) {
    const { feedback, put } = prepare(["hub"]);
    if (isLoadedFirst) feedback.endLoading();
    for (const [at, path] of paths.entries()) put({ ...sent(10 + at), at: 100 + at }, path);
    feedback.apply(mark({ to: 12, at: 103, but: [11], also: [13] }), 200);
    if (!isLoadedFirst) feedback.endLoading();
    expect(delivered(feedback)).toEqual(["a", "c", "d"]);
  }
});

test("a mark that is taken out of the ledger, as its group is forgotten, says nothing any more", () => {
  for (const isLoadedFirst of [true, false]) {
    const { feedback, put } = prepare("any");
    if (isLoadedFirst) feedback.endLoading();
    for (const [at, path] of paths.entries()) put({ ...sent(10 + at), at: 100 + at }, path);
    const hubs = mark({ to: 11, at: 103, early: [{ path: "d", version: 13, size: 5, checksum }] });
    feedback.apply(hubs, 200);
    feedback.apply(mark({ group: "mirror", also: [11] }), 201);
    feedback.apply(tombstone(keyOf(hubs)), 202);
    if (!isLoadedFirst) feedback.endLoading();
    expect(delivered(feedback)).toEqual(["b"]);
  }
});

test("what is noted after a mark was made is not settled by its number", () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  feedback.apply(mark({ to: 20, at: 103 }), 200);
  // The mark was written before this one's acknowledgement was heard.
  put({ ...sent(10), at: 102 }, "a");
  put({ ...sent(11), at: 103 }, "b");
  expect(delivered(feedback)).toEqual(["a"]);
  feedback.apply(mark({ to: 20, at: 104 }), 201);
  expect(delivered(feedback)).toEqual(["a", "b"]);
});

test("a mark speaks of one partition, and of what was sent after its group began", () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  put({ ...sent(10), at: 1 }, "a");
  put({ ...sent(11), at: 2, partition: 1 } as FileValue, "b");
  put({ ...sent(12), at: 3, offset: 50 } as FileValue, "c");
  put({ ...sent(5_000_000), at: 4, topic: "before" } as FileValue, "d");
  feedback.apply(mark({ to: 6_000_000, at: 9, start: { topic: "topic", offset: 50, ms: 4000 } }), 200);
  expect(delivered(feedback)).toEqual(["c", "d"]);
  feedback.apply(mark({ partition: 1, to: 6_000_000, at: 9 }), 201);
  expect(delivered(feedback)).toEqual(["b", "c", "d"]);
});

test("a version that a group wants again is not delivered, whatever its mark says, until that is taken back", () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  put({ ...sent(10), at: 1 }, "a");
  feedback.apply(mark({ to: 10, at: 9 }), 200);
  const again = tombstoneOf(early(10, "hub"));
  feedback.apply(again, 201);
  expect(delivered(feedback)).toEqual([]);
  feedback.apply(mark({ to: 11, at: 10 }), 202);
  expect(delivered(feedback)).toEqual([]);
  feedback.apply(tombstone(keyOf(again)), 203);
  expect(delivered(feedback)).toEqual(["a"]);
});

test("however many versions a group wants again, and others do, none of them is delivered by its mark", () => {
  const { feedback, put } = prepare(["hub"]);
  const paths = Array.from({ length: 10_001 }, (_, at) => `${at}`);
  for (const [at, path] of paths.entries()) {
    put(sent(at + 1), path);
    for (const group of ["hub", `stranger ${at}`])
      feedback.apply(tombstoneOf(early(at + 1, group, path)), at);
  }
  feedback.apply({ ...(early(1, "hub") as DoneEntry), early: [], to: 20_000, at: 20_000 }, 20_000);
  feedback.endLoading();
  expect(paths.filter((path) => feedback.receipts.isDelivered(path))).toEqual([]);
});

test("a mark tells of each delivery once, and an older one that comes late takes nothing back", async () => {
  const { feedback, put } = prepare(["hub"]);
  feedback.endLoading();
  const over = new AbortController();
  const news = Array.fromAsync(feedback.news(over.signal));
  put({ ...sent(10), at: 1 }, "a");
  put({ ...sent(11), at: 2 }, "b");
  feedback.apply(mark({ to: 10, at: 2 }), 200);
  feedback.apply(mark({ to: 11, at: 3 }), 201);
  feedback.apply(mark({ to: 10, at: 2 }), 202);
  feedback.apply(mark({ to: 11, at: 4 }), 203);
  expect(delivered(feedback)).toEqual(["a", "b"]);
  over.abort();
  const told = (await news).map((one) => (one.kind === "receipt" ? one.receipt.path : one.kind));
  expect(told).toEqual(["a", "b"]);
});

/** By its numbers alone, of what was noted before it was made. */
const markTo = (to: number, at: number, but: number[] = []): DoneEntry => ({
  ...(early(1, "hub") as DoneEntry),
  ...{ early: [], to, at, but },
});

test("what has failed when it was wished for is delivered once a later mark has it", () => {
  const { feedback, put } = prepare(["hub"]);
  put({ ...sent(10), at: 5 });
  feedback.endLoading();
  feedback.apply(markTo(10, 6), 6);
  const again = tombstoneOf(early(10, "hub"));
  feedback.apply(again, 7);
  feedback.apply(markTo(10, 8, [10]), 8);
  feedback.apply(receiptOf("failed", 10), 9);
  feedback.apply(tombstone(keyOf(again)), 10);
  expect(feedback.receipts.isDelivered("a")).toBe(false);
  feedback.apply(tombstone(keyOf(receiptOf("failed", 10))), 11);
  feedback.apply(markTo(10, 12), 12);
  expect(feedback.receipts.isDelivered("a")).toBe(true);
});
