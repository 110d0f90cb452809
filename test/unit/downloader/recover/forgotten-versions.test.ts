import { expect, test } from "bun:test";
import { ForgottenVersions } from "../../../../agent/downloader/recover/forgotten-versions.ts";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { first, forgotten, noted, other } from "../../../support/entries.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

/** A member that reads partition 0 of a log that ends at 10, and is putting `a.txt` and `b.txt` together; `a.txt` is forgotten. */
async function prepare() {
  const log = new MemoryLedger([noted(first, "sending"), noted(other, "sending"), forgotten]);
  const { state } = await GroupLedger.open("group", log);
  const positions = new Map([[0, 8]]);
  const world = { end: 10, reached: 0, isWhole: false, isReading: false };
  const unfinished = [{ id: first }, { id: other }];
  const given: string[] = [];
  const versions = new ForgottenVersions({
    state,
    partials: {
      unfinished,
      giveUp: ({ path }) => given.push(path),
      isWhole: () => world.isWhole,
    },
    rereads: { isReading: () => world.isReading },
    group: { bounds: async () => ({ low: 0, high: world.end }), reachedEnd: () => world.reached },
    positions,
    log: new HeardLog("hub", () => undefined),
  });
  return { state, versions, world, positions, given, unfinished };
}

test("a forgotten version is given up once all was read that was in the log by then", async () => {
  const { versions, world, positions, given } = await prepare();
  await versions.check();
  // More comes, of others.
  world.end = 1000;
  positions.set(0, 9);
  await versions.check();
  expect(given).toEqual([]);
  positions.set(0, 10);
  await versions.check();
  expect(given).toEqual(["a.txt"]);
});

test("what is behind the last record of the log is not waited for", async () => {
  const { versions, world, given } = await prepare();
  await versions.check();
  world.reached = 10;
  await versions.check();
  expect(given).toEqual(["a.txt"]);
});

test("what is whole, or is being read again, is not given up", async () => {
  for (const why of ["isWhole", "isReading"] as const) {
    const { versions, world, positions, given } = await prepare();
    positions.set(0, 10);
    world[why] = true;
    for (let look = 0; look < 3; look++) await versions.check();
    expect(given).toEqual([]);
    world[why] = false;
    await versions.check();
    expect(given).toEqual(["a.txt"]);
  }
});

test("a file that has an entry again, or a later version, is none that is forgotten", async () => {
  const { state, versions, positions, given, unfinished } = await prepare();
  positions.set(0, 10);
  expect(state.forgotten.has(first)).toBe(true);
  expect(state.forgotten.has({ ...first, version: 5000 })).toBe(false);
  unfinished[0] = { id: { ...first, version: 5000 } };
  for (let look = 0; look < 3; look++) await versions.check();
  state.apply({
    entry: noted({ ...first, version: 600 }, "sending"),
    partition: 0,
    offset: 3,
    timestampMs: 0,
  });
  unfinished[0] = { id: { ...first, version: 600 } };
  for (let look = 0; look < 3; look++) await versions.check();
  expect(given).toEqual([]);
});

test("nothing is forgotten any more in a ledger that was made anew", async () => {
  const { state } = await prepare();
  state.ledgerRecreated();
  expect(state.forgotten.has(first)).toBe(false);
});
