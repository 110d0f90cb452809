/** Marks that are to be written again, as the ledger lacks something that is known. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import { all, first, noted, other, second, store, stored, unsettledOf } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

/** Its marks are written, and are heard of once somebody says so; or are not written. */
class SlowLedger extends MemoryLedger {
  hold: Promise<void> | undefined;
  /** Nor do they come to the ledger before this. */
  holdBefore: Promise<void> | undefined;

  override async write(entry: Entry, meantFor?: string) {
    const { hold } = this;
    if (entry.kind === "done") await this.holdBefore;
    const written = await super.write(entry, meantFor);
    if (entry.kind === "done") await hold;
    return written;
  }
}

async function withMark() {
  const log = new SlowLedger([noted(first), noted(other)]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.writeDelivered([stored(first)], store);
  const [mark] = log.written;
  if (mark?.kind !== "done") throw new Error("no mark");
  /** Of a member that was frozen: it takes away what is known. */
  const late = () => log.append({ ...mark, to: 0, at: 0 });
  return { log, ledger, late };
}

test("what a mark lacks by the time that the one before is heard of is written again", async () => {
  const { log, ledger, late } = await withMark();
  using _following = log.follow(ledger);
  const held = Promise.withResolvers<void>();
  log.hold = held.promise;
  const writing = ledger.writeDelivered([stored(other)], store);
  await log.allRead();
  await late();
  held.resolve();
  log.hold = undefined;
  await writing;
  log.written.length = 0;
  await ledger.tidy(all, all);
  expect(log.written).toMatchObject([{ kind: "done", to: other.version, but: [] }]);
  await ledger.tidy(all, all);
  expect(log.written).toHaveLength(1);
});

test("what is noted again in a ledger made anew, while a mark is on its way there, is said by the next one", async () => {
  const { log, ledger } = await withMark();
  using _following = log.follow(ledger);
  await log.remake();
  // Else the mark waits for that.
  await ledger.readToEnd();
  const [before, after] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  log.holdBefore = before.promise;
  log.hold = after.promise;
  const writing = ledger.tidy(all, all);
  await log.append(noted(first));
  before.resolve();
  // It is read before it is heard of as written.
  while (log.entries.length < 2) await Bun.sleep(0);
  await log.allRead();
  after.resolve();
  log.holdBefore = undefined;
  log.hold = undefined;
  await writing;
  expect(log.entries).toMatchObject([{ kind: "files" }, { kind: "done", at: 0 }]);
  await ledger.tidy(all, all);
  expect(log.entries.at(-1)).toMatchObject({ kind: "done", at: 2, but: [] });
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([]);
});

test("a mark that could not be written is written with the next try", async () => {
  const { log, ledger, late } = await withMark();
  using _following = log.follow(ledger);
  await log.append(noted(second));
  await late();
  log.hold = Promise.reject(new Error("refused"));
  await expect(ledger.tidy(all, all)).rejects.toThrow("refused");
  log.hold = undefined;
  expect(ledger.state.versions.marks.dirtyCount).toBe(1);
});
