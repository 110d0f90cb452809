import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { NameClaim } from "../../../../agent/ledger/uploader/name-claim.ts";
import { Log } from "../../../../agent/observe/log.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import type { NameValue } from "../../../../agent/wire/entry-value.ts";

const day = 24 * 3600_000;
const nowMs = 1_744_741_849_202;

/** A log of one name, whose brokers' time the test sets; each agent reads all of it. */
class NameLog {
  readonly entries: Entry[] = [];
  timeMs = nowMs;

  agent(): NameClaim {
    const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
      warn: () => undefined,
    });
    let at = 0;
    const readToEnd = async () => {
      for (; at < this.entries.length; at++) claim.apply(this.entries[at] as Entry, at);
    };
    const write = async (entry: Entry) => {
      this.entries.push(entry);
      return { offset: this.entries.length - 1, timestampMs: this.timeMs };
    };
    const claim = new NameClaim("till", { write, readOn: readToEnd, readToEnd }, log);
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
      const version = await agent.nextVersion();
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
  const version = await first.nextVersion();
  await first.release();
  expect(log.words.at(-1)).toMatchObject({ state: "released", highest: version });
});
