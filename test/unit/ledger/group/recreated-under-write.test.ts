/** What a group is writing as the ledger is recreated: what it takes for written then stands in the new one. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import { first, noted, store, stored } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

/** Its writes are under way until they are let go. */
class SlowLedger extends MemoryLedger {
  #held = Promise.withResolvers<void>();

  override async write(entry: Entry, meantFor = this.id) {
    await this.#held.promise;
    return super.write(entry, meantFor);
  }

  letGo(): void {
    this.#held.resolve();
  }
}

/** What the one that wrote and one that starts afterwards say. */
async function writeOver<Said>(
  write: (ledger: GroupLedger) => Promise<unknown>,
  say: (ledger: GroupLedger) => Said,
): Promise<[Said, Said]> {
  const log = new SlowLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _follower = log.follow(ledger);
  const writing = write(ledger);
  await log.remake(noted(first));
  log.letGo();
  await writing;
  await log.allRead();
  return [say(ledger), say(await GroupLedger.open("group", log))];
}

test("a mark", async () => {
  const write = (ledger: GroupLedger) => ledger.writeDelivered([stored(first)], store);
  expect(await writeOver(write, ({ state }) => state.isDelivered(first, 0))).toEqual([true, true]);
});

test("a failure", async () => {
  const write = (ledger: GroupLedger) => ledger.writeFailed(first, "too long");
  expect(await writeOver(write, ({ state }) => state.failed.has(first))).toEqual([true, true]);
});

test("a request", async () => {
  const write = (ledger: GroupLedger) => ledger.writeNeeds(first, [[0, 5]]);
  expect(await writeOver(write, ({ state }) => state.requests.has(first))).toEqual([true, true]);
});

test("where the group began", async () => {
  const write = (ledger: GroupLedger) => ledger.writeStart("topic", new Map([[0, 5]]));
  const offsets = { 0: 5 };
  const said = await writeOver(write, ({ state }) => state.start.value?.offsets);
  expect(said).toEqual([offsets, offsets]);
});
