/** A ledger that is recreated under an uploader that has its name. */
import { expect, test } from "bun:test";
import { NameTakenError } from "../../../../agent/ledger/uploader/name-taken-error.ts";
import { UploaderLedger } from "../../../../agent/ledger/uploader/uploader-ledger.ts";
import { VoidVersionError } from "../../../../agent/ledger/uploader/void-version-error.ts";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { isPermanent } from "../../../../agent/lib/retry.ts";
import { type Entry, keyOf, type NameEntry } from "../../../../agent/wire/entry.ts";
import type { NotedFile } from "../../../../agent/wire/entry-value.ts";
import { delivered, first, needs, noted, other, second } from "../../../support/entries.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";
import { uploaderLogOn } from "../../../support/uploader-log.ts";
import { waitUntil } from "../../../support/wait.ts";

test("what a group has a newer version of is not written again, as nobody is to get the older one back", async () => {
  // Whoever sent the second version was killed before it noted that.
  const log = new MemoryLedger([noted(first), delivered(second), noted(other)]);
  const quiet = new HeardLog("till", () => undefined);
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log), undefined, quiet);
  await ledger.claim();
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  log.recreate();
  const files = () => log.entries.flatMap((entry) => (entry.kind === "files" ? entry.files : []));
  await waitUntil("the ledger is written anew", async () => {
    await ledger.ready();
    return files().length > 0;
  });
  expect(files().map(({ path }) => path)).toEqual([other.path]);
  expect(ledger.file(first.path)).toBeUndefined();
  expect(await ledger.nextVersion(first.path)).toBeGreaterThan(second.version);
  over.abort();
  await following;
});

test("nothing that is yet to be written again is dead by what was written, and in the end nothing else is said to come", async () => {
  const files = Array.from({ length: 450 }, (_, at) => ({ ...first, path: `a${at}`, version: at + 1 }));
  const log = new MemoryLedger(files.map((file) => noted(file)));
  const quiet = new HeardLog("till", () => undefined);
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log), undefined, quiet);
  await ledger.claim();
  const highest = await ledger.nextVersion("b");
  ledger.endVersion("b");
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  log.recreate();
  const batches = () => log.entries.flatMap((entry) => (entry.kind === "files" ? [entry] : []));
  await waitUntil("the ledger is written anew", async () => {
    await ledger.ready();
    return batches().flatMap((batch) => batch.files).length >= files.length;
  });
  const left = new Set(files.map(({ version }) => version));
  for (const batch of batches()) {
    for (const { version } of batch.files) left.delete(version);
    expect([...left].filter((version) => version < batch.next && !batch.open.includes(version))).toEqual([]);
  }
  expect(batches().length).toBeGreaterThan(2);
  expect(batches().at(-1)?.next).toBeGreaterThan(highest);
  over.abort();
  await following;
});

test("an agent that stood still when the ledger was deleted does not write there what it knew", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const quiet = new HeardLog("till", () => undefined);
  const { now } = performance;
  let happens: () => void = () => undefined;
  const reads = uploaderLogOn(log, { onRead: () => happens() });
  const ledger = await UploaderLedger.open("till", reads, undefined, quiet);
  await ledger.claim();
  happens = () => {
    happens = () => undefined;
    const stoodStillMs = 60_000;
    performance.now = () => now.call(performance) + stoodStillMs;
    log.recreate();
  };
  const over = new AbortController();
  try {
    const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
    await waitUntil("it has the name in the new ledger", async () => {
      await ledger.ready();
      return log.id !== "ledger" && log.entries.some(({ kind }) => kind === "name");
    });
    expect(log.entries.map(keyOf).filter(({ kind }) => kind === "files")).toEqual([]);
    expect([...ledger.paths()]).toEqual([]);
    over.abort();
    await following;
  } finally {
    performance.now = now;
  }
});

const another = {
  kind: "name",
  uploader: "till",
  format: 1,
  instance: "another",
  host: "elsewhere",
} as const;

test("what another agent of the name has noted in the new ledger counts, and nothing else", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const quiet = new HeardLog("till", () => undefined);
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log), undefined, quiet);
  await ledger.claim();
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  const taken: NameEntry = { ...another, state: "held", highest: second.version };
  log.recreate(taken, noted(second), { ...taken, state: "released", epoch: 0 });
  await waitUntil("it has the name in the new ledger", async () => {
    await ledger.ready();
    return ledger.file(first.path)?.version === second.version;
  });
  expect([...ledger.paths()]).toEqual([first.path]);
  expect(log.entries.filter(({ kind }) => kind === "files")).toHaveLength(1);
  expect(await ledger.nextVersion(first.path)).toBeGreaterThan(second.version);
  over.abort();
  await following;
});

test("whoever asks for the name while the ledger is written anew is told that it has a holder", async () => {
  const log = new MemoryLedger([noted(first)]);
  const quiet = new HeardLog("till", () => undefined);
  let answered = 0;
  const onWrite = async ({ kind }: Entry) => {
    if (kind !== "files" || answered > 0) return;
    const { instance, host, uploader } = another;
    const asked = log.entries.length;
    await log.append({ kind: "claim", format: 1, instance, host, uploader });
    await waitUntil("the holder says its word", () => log.entries.slice(asked).some(isWord));
    answered++;
  };
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log, { onWrite }), undefined, quiet);
  await ledger.claim();
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  log.recreate();
  await waitUntil("the ledger is written anew", async () => {
    await ledger.ready();
    return log.entries.some(({ kind }) => kind === "files");
  });
  expect(answered).toBe(1);
  over.abort();
  await following;
});

test("what is final ends it, though the ledger has changed; else it is tried until it works", async () => {
  const log = new MemoryLedger([noted(first)]);
  const quiet = new HeardLog("till", () => undefined);
  const denied = new AgentError("the brokers deny this user the topic", "permanent");
  let isDenied = false;
  const onWrite = async () => {
    if (isDenied) throw denied;
  };
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log, { onWrite }), undefined, quiet);
  await ledger.claim();
  isDenied = true;
  log.recreate();
  const chunks = { value: { id: "topic" }, refresh: async () => undefined };
  const { signal } = new AbortController();
  await expect(ledger.follow(chunks, signal, isPermanent)).rejects.toBe(denied);
  await expect(ledger.ready()).rejects.toThrow("being stopped");
});

test("a version that was numbered before another agent had the name is neither sent nor noted after it", async () => {
  const log = new MemoryLedger([noted(other)]);
  const quiet = new HeardLog("till", () => undefined);
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log), undefined, quiet);
  await ledger.claim();
  const version = await ledger.nextVersion(first.path);
  const { path, ...value } = noted(first).files[0] as NotedFile;
  await ledger.putOwn(path, { ...value, version });
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  // What the other one has given last, it was killed before it could note.
  const taken: NameEntry = { ...another, state: "held", highest: version + 9 };
  log.recreate(taken, noted(second), { ...taken, state: "released", epoch: 0 });
  await waitUntil("it has the name in the new ledger", async () => {
    await ledger.ready();
    return ledger.file(path)?.version === second.version;
  });
  await expect(ledger.readyFor(path, version)).rejects.toThrow(VoidVersionError);
  await expect(ledger.putOwn(path, { ...value, version })).rejects.toThrow(VoidVersionError);
  await ledger.readyFor(path, second.version);
  await ledger.put(path, { ...value, version: first.version });
  expect(ledger.file(path)?.version).toBe(second.version);
  await ledger.putOwn(path, { ...value, version: await ledger.nextVersion(first.path) });
  expect(ledger.file(path)?.version).toBeGreaterThan(version + 9);
  over.abort();
  await following;
});

test("what another agent notes between the reading of the new ledger and the claim there counts as well", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const quiet = new HeardLog("till", () => undefined);
  const late = { ...first, path: "c.txt" };
  let isLate = false;
  const onWrite = async (entry: Entry) => {
    if (!isLate || entry.kind !== "name") return;
    isLate = false;
    const epoch = log.entries.length;
    const taken: NameEntry = { ...another, state: "held", highest: second.version };
    const files = [second, late].map((id): Entry => Object.assign(noted(id), { epoch }));
    void log.append(taken, ...files, { ...taken, state: "released", epoch });
  };
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log, { onWrite }), undefined, quiet);
  await ledger.claim();
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  isLate = true;
  log.recreate();
  await waitUntil("it has the name in the new ledger", async () => {
    await ledger.ready();
    return ledger.file(late.path) !== undefined;
  });
  expect([...ledger.paths()].sort()).toEqual([first.path, late.path]);
  expect(ledger.file(first.path)?.version).toBe(second.version);
  over.abort();
  await following;
});

test("what was being noted in the ledger before is not known once another agent has noted more in the new one", async () => {
  const log = new MemoryLedger([noted(other)]);
  const quiet = new HeardLog("till", () => undefined);
  const held = Promise.withResolvers<void>();
  const onWrite = ({ kind }: Entry) => (kind === "files" ? held.promise : Promise.resolve());
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log, { onWrite }), undefined, quiet);
  await ledger.claim();
  const { path, ...value } = noted(first).files[0] as NotedFile;
  const noting = ledger.put(path, value);
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  const taken: NameEntry = { ...another, state: "held", highest: second.version };
  log.recreate(taken, noted(second), { ...taken, state: "released", epoch: 0 });
  const there = log.entries.length;
  const isClaim = ({ kind }: Entry) => kind === "name";
  await waitUntil("it claims the name in the new ledger", () => log.entries.slice(there).some(isClaim));
  held.resolve();
  await noting;
  await ledger.ready();
  expect(ledger.file(path)?.version).toBe(second.version);
  over.abort();
  await following;
});

test("what was being put together in the ledger before is not known in the new one: what was sent to a topic that is gone is sent again", async () => {
  const log = new MemoryLedger([]);
  const quiet = new HeardLog("till", () => undefined);
  const held = Promise.withResolvers<void>();
  const moving = Promise.withResolvers<void>();
  const onWrite = async (entry: Entry) => {
    if (entry.kind !== "files" || !entry.moved) return;
    moving.resolve();
    await held.promise;
  };
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log, { onWrite }), undefined, quiet);
  await ledger.claim();
  const { path: _, ...value } = noted(first).files[0] as NotedFile;
  for (let at = 0; at < 16; at++) await ledger.put(`${at}`, { ...value, version: at + 1 });
  await moving.promise;
  const over = new AbortController();
  const following = ledger.follow(
    { value: { id: "another topic" }, refresh: async () => undefined },
    over.signal,
  );
  log.recreate();
  await waitUntil("the name is claimed in the new ledger", () =>
    log.entries.some(({ kind }) => kind === "name"),
  );
  await ledger.ready();
  const there = log.entries.length;
  held.resolve();
  await waitUntil("what was put together is written", () => log.entries.length > there);
  await ledger.put("later", { ...value, version: 99 });
  expect([...ledger.paths()]).toEqual(["later"]);
  over.abort();
  await following;
});

test("what a group asks for in the new ledger is not taken for answered in the one before", async () => {
  const sent = noted(first);
  const answered: Entry = { ...sent, files: sent.files.map((file) => ({ ...file, answered: 2 })) };
  const log = new MemoryLedger([noted(other), noted(other), noted(other), answered]);
  const quiet = new HeardLog("till", () => undefined);
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log), undefined, quiet);
  await ledger.claim();
  const over = new AbortController();
  const following = ledger.follow({ value: { id: "topic" }, refresh: async () => undefined }, over.signal);
  log.recreate({ kind: "layout", format: 1, partitions: 1 }, needs(first));
  await waitUntil("the ledger is written anew", async () => {
    await ledger.ready();
    return log.entries.some(({ kind }) => kind === "files");
  });
  await ledger.ready();
  expect(ledger.feedback.request(first.path)?.version).toBe(first.version);
  over.abort();
  await following;
});

test("who loses the name while it writes the ledger anew stops that", async () => {
  const many = Array.from({ length: 3000 }, (_, at) => ({ ...first, path: `file-${at}` }));
  const log = new MemoryLedger(many.map((id) => noted(id)));
  const quiet = new HeardLog("till", () => undefined);
  let written = -1;
  const onWrite = async ({ kind }: Entry) => {
    if (written < 0 || kind !== "files") return;
    const after = log.entries.findLastIndex((entry) => entry.kind === "name" && entry.epoch === undefined);
    if (written++ === 0) void log.append({ ...another, state: "held", highest: second.version, after });
    // What the brokers take for it, the reader has as well.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const ledger = await UploaderLedger.open("till", uploaderLogOn(log, { onWrite }), undefined, quiet);
  await ledger.claim();
  written = 0;
  log.recreate();
  const { signal } = new AbortController();
  const chunks = { value: { id: "topic" }, refresh: async () => undefined };
  await expect(ledger.follow(chunks, signal)).rejects.toThrow(NameTakenError);
  expect(written).toBeLessThan(many.length);
});

function isWord(entry: Entry): boolean {
  return entry.kind === "name" && entry.epoch !== undefined;
}
