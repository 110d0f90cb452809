/** What a group's member knows and says that was behind in the ledger, and reads on where that was compacted meanwhile. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import { all, filesEntry, first, noted, store, stored, unsettledOf } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const of = (path: string, version: number): VersionId => ({ uploader: "till", path, version });
const [due, next, later, last] = [of("b", 150), of("c", 200), of("d", 300), of("e", 400)];
const inSlot = (slot: number, id: VersionId) => ({ ...noted(id), slot });

/** The version that was noted at this offset is put together with others, in another slot. */
function moved(slot: number, id: VersionId, at: number): Entry {
  const [file] = noted(id).files;
  if (!file) throw new Error("no file");
  return { ...filesEntry("till", { ...file, at }), slot, moved: true, next: next.version + 1 };
}

/** A member that has delivered the first one, and is up to date. */
async function begin(...entries: Entry[]) {
  const log = new MemoryLedger([noted(first), ...entries]);
  const ledger = await GroupLedger.open("group", log);
  const following = log.follow(ledger);
  await ledger.writeDelivered([stored(first)], store);
  await log.allRead();
  const at = log.entries.length;
  log.readable = at;
  /** It reads on up to this offset. */
  const readTo = async (offset: number) => {
    log.readable = offset;
    await log.allRead();
  };
  return { log, ledger, following, at, readTo };
}

async function expectDue({ log, ledger }: { log: MemoryLedger; ledger: GroupLedger }): Promise<void> {
  await log.append();
  expect(unsettledOf(ledger)).toContain(due.version);
  expect(ledger.state.isDelivered(due, 0)).toBe(false);
  expect(unsettledOf(await GroupLedger.open("group", log))).toContain(due.version);
}

test("a mark that is to be written before all is read speaks of all that stands behind that", async () => {
  const stage = await begin();
  const { log, ledger, at, readTo } = stage;
  using _following = stage.following;
  await log.append(inSlot(1, due), inSlot(2, next), moved(3, due, at), inSlot(1, later));
  log.taken.add(at);
  await readTo(at + 2);
  const writing = ledger.writeDelivered([stored(next)], store);
  await log.allRead();
  log.readable = Number.POSITIVE_INFINITY;
  await writing;
  await expectDue(stage);
});

test("what was put together twice is still due when its slot is seen to be used again before that", async () => {
  const stage = await begin(inSlot(1, due), inSlot(2, next));
  const { log, ledger, at, readTo } = stage;
  using _following = stage.following;
  await log.append(moved(3, due, 1), inSlot(1, later), moved(4, due, 1), inSlot(3, last));
  log.taken.add(at);
  await readTo(at + 2);
  await readTo(Number.POSITIVE_INFINITY);
  await ledger.tidy(all, all);
  await ledger.writeDelivered([stored(next)], store);
  await expectDue(stage);
});
