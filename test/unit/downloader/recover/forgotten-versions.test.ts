import { expect, test } from "bun:test";
import { ForgottenVersions } from "../../../../agent/downloader/recover/forgotten-versions.ts";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { first, noted, without } from "../../../support/entries.ts";
import { HeardLog } from "../../../support/heard-log.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

/** A member that reads partition 0 of a log that ends at 10, and is putting files of two uploaders together; one was forgotten. */
async function prepare() {
  const office = { ...first, uploader: "office", path: "b.txt" };
  const log = new MemoryLedger([noted(first), noted(office), without(noted(first))]);
  const { state } = await GroupLedger.open("group", log);
  const positions = new Map([[0, 8]]);
  const world = { end: 10, reached: 0, isWhole: false, isReading: false };
  const unfinished = [{ id: first }, { id: office }];
  const given: string[] = [];
  const versions = new ForgottenVersions({
    versions: state.versions,
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

test("of all partitions that the member has, and no others: chunks may be spread", async () => {
  const { versions, positions, given } = await prepare();
  positions.set(0, 10).set(1, 9).set(2, 0);
  await versions.check();
  positions.delete(2);
  await versions.check();
  expect(given).toEqual([]);
  positions.set(1, 10);
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

test("nor is a version that is sent later under the name", async () => {
  const { versions, positions, given, unfinished } = await prepare();
  positions.set(0, 10);
  unfinished[0] = { id: { ...first, version: 5000 } };
  for (let look = 0; look < 3; look++) await versions.check();
  expect(given).toEqual([]);
});

test("nothing is forgotten any more in a ledger that was made anew", async () => {
  const { state } = await prepare();
  expect(state.versions.isForgotten(first)).toBe(true);
  state.ledgerRecreated("another");
  expect(state.versions.isForgotten(first)).toBe(false);
});
