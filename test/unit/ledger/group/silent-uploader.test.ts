import { describe, expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import { first, noted, other } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

describe("an uploader that does not answer", () => {
  const name = (uploader: string): Entry => ({
    kind: "name",
    uploader,
    format: 1,
    instance: "1",
    host: "",
    state: "held",
    highest: 0,
  });
  const dayMs = 24 * 3600_000;
  const startMs = Date.parse("2026-01-01T00:00:00Z");

  async function open() {
    const log = new MemoryLedger([]);
    const world = { nowMs: 0 };
    log.brokerTimeMs = startMs;
    await log.append(name("till"), noted(first));
    const ledger = await GroupLedger.open("group", log, () => world.nowMs);
    return { log, ledger, world };
  }

  test("is silent since it was asked, or since its last word, by the brokers' clock", async () => {
    const { log, ledger, world } = await open();
    expect(ledger.silenceOf(first)).toBeUndefined();
    log.brokerTimeMs = startMs + dayMs;
    await ledger.writeNeeds(first, [[0, 5]]);
    expect(ledger.silenceOf(first)).toEqual({ sinceMs: startMs + dayMs, lastsMs: 0 });
    world.nowMs = 3 * dayMs;
    expect(ledger.silenceOf(first)?.lastsMs).toBe(3 * dayMs);
    using _following = log.follow(ledger);
    log.brokerTimeMs = startMs + 5 * dayMs;
    await log.append(name("till"));
    expect(ledger.silenceOf(first)?.lastsMs).toBe(0);
  });

  test("is as silent to whoever starts later, also if it is asked again", async () => {
    const { log, ledger } = await open();
    await ledger.writeNeeds(first, [[0, 5]]);
    log.brokerTimeMs = startMs + 40 * dayMs;
    const other = await GroupLedger.open("group", log, () => 0);
    // The time there is not known before the ledger has taken something.
    expect(other.silenceOf(first)?.lastsMs).toBe(0);
    await other.writeNeeds(first, [[0, 5]]);
    expect(other.silenceOf(first)).toEqual({ sinceMs: startMs, lastsMs: 40 * dayMs });
  });

  test("owes again what had failed for that as soon as it writes anything, and nothing else", async () => {
    const { log, ledger, world } = await open();
    using _following = log.follow(ledger);
    await log.append(noted(other));
    await ledger.writeFailed(first, "not answered since 2026-01-01");
    await ledger.writeFailed(other, "too long");
    await log.allRead();
    expect([...ledger.state.unsettled()]).toEqual([]);
    const later = await GroupLedger.open("group", log, () => 0);
    expect([...later.state.unsettled()]).toEqual([]);
    await later.close();
    await log.append(name("other"));
    expect([...ledger.state.unsettled()]).toEqual([]);
    await log.append(name("till"));
    world.nowMs = 2 * dayMs;
    await log.readAgain();
    expect([...ledger.state.unsettled()].map(({ path }) => path)).toEqual(["a.txt"]);
    const latest = await GroupLedger.open("group", log, () => 0);
    expect([...latest.state.unsettled()].map(({ path }) => path)).toEqual(["a.txt"]);
  });
});
