import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { RecreatedError } from "../../../../agent/ledger/recreated-error.ts";
import { NameClaim } from "../../../../agent/ledger/uploader/name-claim.ts";
import { Log } from "../../../../agent/observe/log.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import type { NameValue } from "../../../../agent/wire/entry-value.ts";

const day = 24 * 3600_000;
const nowMs = 1_744_741_849_202;
const strange: Entry = { kind: "layout", format: 1, partitions: 4 };

/** A log of one name, whose brokers' time the test sets; each agent reads all of it. */
class NameLog {
  readonly entries: Entry[] = [];
  timeMs = nowMs;
  /** Whether nothing can be read. */
  isCut = false;
  /** Whether it is deleted and recreated once something was written. */
  isRecreatedByWrite = false;
  /** Whether it is another one than whoever reads it takes it for; it may have as many entries. */
  isAnother = false;
  /** Somebody makes sure of the name, and stands still before it is done. */
  standstill: Promise<void> | undefined;

  agent(): NameClaim {
    const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
      warn: () => undefined,
    });
    let at = 0;
    const readToEnd = async () => {
      if (this.isCut) throw new Error("cut");
      for (; at < this.entries.length; at++) claim.apply(this.entries[at] as Entry, at);
    };
    const write = async (entry: Entry) => {
      const offset = this.entries.push(entry) - 1;
      if (this.isRecreatedByWrite) this.entries.length = 0;
      return { offset, timestampMs: this.timeMs };
    };
    const requireSame = async () => {
      const { standstill } = this;
      this.standstill = undefined;
      await standstill;
      if (this.isAnother) throw new RecreatedError("reading the ledger");
    };
    const claim = new NameClaim("till", { write, readOn: readToEnd, readToEnd, requireSame }, log);
    return claim;
  }

  get words(): NameValue[] {
    return this.entries.flatMap((entry) => (entry.kind === "name" ? [entry] : []));
  }
}

/** Claims the name for an agent that starts, as if the one before had been killed. */
async function start(log: NameLog): Promise<NameClaim> {
  const agent = log.agent();
  for (const [at, entry] of log.entries.entries()) {
    // Of a process that has ended.
    agent.apply(entry.kind === "name" ? { ...entry, ...ended() } : entry, at);
  }
  await agent.claim();
  return agent;
}

function ended(): { process: string } {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const namespace = statSync("/proc/self/ns/pid").ino;
  return { process: `${boot} ${namespace} ${process.pid} 0` };
}

test("no version is given that the ledger has not leased, and each start begins above what the last one may have given", async () => {
  const log = new NameLog();
  const given: number[] = [];
  for (const timeMs of [nowMs, nowMs - 10 * 60_000, nowMs - 30 * day, nowMs + 1000]) {
    log.timeMs = timeMs;
    const agent = await start(log);
    for (let count = 0; count < 3; count++) {
      const version = await agent.versions.next();
      expect(version).toBeLessThanOrEqual(log.words.at(-1)?.highest ?? 0);
      given.push(version);
    }
  }
  expect(given).toEqual([...given].sort((a, b) => a - b));
  expect(new Set(given).size).toBe(given.length);
});

test("a name that was given back goes on from the last version that was given, not from the lease", async () => {
  const log = new NameLog();
  const first = await start(log);
  const version = await first.versions.next();
  await first.release();
  expect(log.words.at(-1)).toMatchObject({ state: "released", highest: version });
});

test("a recreated ledger into which a late word of ours has come is claimed all the same", async () => {
  const before = new NameLog();
  before.entries.push(...Array.from({ length: 2 }, () => strange));
  const agent = await start(before);
  const version = await agent.versions.next();
  const [word] = before.words.slice(-1);
  if (word?.epoch === undefined) throw new Error("it has leased nothing");
  agent.beginReading();
  // The brokers got it only when the ledger was there again, behind others' entries.
  before.entries.splice(0, before.entries.length, ...Array.from({ length: 9 }, () => strange));
  before.entries.push({ kind: "name", uploader: "till", ...word });
  agent.apply(before.entries.at(-1) as Entry, before.entries.length - 1);
  await agent.claim();
  expect(agent.epoch).toBe(before.entries.length - 1);
  expect(await agent.versions.next()).toBeGreaterThan(version);
});

test("versions do not go back when the ledger is made anew and the agent is started again, however often it was before", async () => {
  let highest = 0;
  const log = new NameLog();
  for (let renewals = 0; renewals < 20; renewals++) {
    log.entries.length = 0;
    for (let starts = 0; starts < 10; starts++) {
      const agent = await start(log);
      const version = await agent.versions.next();
      expect(version).toBeGreaterThan(highest);
      highest = version;
      // No faster than an agent starts.
      log.timeMs += 1000;
    }
  }
});

test("a claim whose reading was cut short is made once more", async () => {
  const log = new NameLog();
  const agent = log.agent();
  log.isCut = true;
  await expect(agent.claim()).rejects.toThrow("cut");
  log.isCut = false;
  for (const [at, entry] of log.entries.entries()) agent.apply(entry, at);
  await agent.claim();
  expect(agent.epoch).toBeDefined();
  expect(await agent.versions.next()).toBeGreaterThan(0);
});

test("who is killed before it has leased anything takes nothing from the lead of a name that the ledger does not know", async () => {
  const log = new NameLog();
  const lostMs = 119_000;
  const agent = log.agent();
  log.isCut = true;
  // Its claim is written, and nothing else.
  await expect(agent.claim()).rejects.toThrow("cut");
  log.isCut = false;
  const second = await start(log);
  expect(await second.versions.next()).toBeGreaterThan((nowMs + lostMs) * 1000);
});

test("a ledger that is recreated before a claim is read there is told, not taken for another holder of the name", async () => {
  const log = new NameLog();
  await start(log);
  const agent = log.agent();
  for (const [at, entry] of log.entries.entries())
    agent.apply(entry.kind === "name" ? { ...entry, ...ended() } : entry, at);
  log.isRecreatedByWrite = true;
  await expect(agent.claim()).rejects.toThrow("the ledger is another one now");
});

test("a ledger that was recreated while the name was asked for is told, not taken for the one that was read", async () => {
  const log = new NameLog();
  log.entries.push(...Array.from({ length: 9 }, () => strange));
  const agent = log.agent();
  await start(log);
  for (const [at, entry] of log.entries.entries())
    agent.apply(entry.kind === "name" ? { ...entry, ...ended() } : entry, at);
  log.entries.length = 0;
  await expect(agent.claim()).rejects.toThrow("the ledger is another one now");
  expect(agent.epoch).toBeUndefined();
});

test("the name is neither had nor known to be held by the reading of another ledger", async () => {
  const log = new NameLog();
  const agent = log.agent();
  log.isAnother = true;
  await expect(agent.confirm()).rejects.toThrow(RecreatedError);
  await expect(agent.claim()).rejects.toThrow(RecreatedError);
  expect(agent.epoch).toBeUndefined();
  log.isAnother = false;
  await agent.claim();
  await agent.confirm();
  expect(agent.epoch).toBeDefined();
});

test("who stood still while it made sure of its name makes sure once more", async () => {
  const log = new NameLog();
  const agent = await start(log);
  const { now } = performance;
  const goesOn = Promise.withResolvers<void>();
  try {
    performance.now = () => now.call(performance) + 6000;
    log.standstill = goesOn.promise;
    const confirming = agent.confirm();
    await Bun.sleep(0);
    await start(log);
    performance.now = () => now.call(performance) + 60_000;
    goesOn.resolve();
    await expect(confirming).rejects.toThrow("is in use by an agent");
  } finally {
    performance.now = now;
  }
});
