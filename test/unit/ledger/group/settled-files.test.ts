/** What costs a look only comes to the same as what is gone through file by file. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { GroupState } from "../../../../agent/ledger/group/group-state.ts";
import type { LoggedEntry } from "../../../../agent/ledger/ledger.ts";
import { type FilesEntry, keyOf } from "../../../../agent/wire/entry.ts";
import { answersOf, entriesOf, firstVersion, readAll } from "../../../support/any-ledger.ts";
import { failed, first, noted, time } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";
import { Random } from "../../../support/random.ts";

/** As long as a version of anybody is wanted again, each file is gone through. */
const wantSomething = (state: GroupState) =>
  state.noteWish({ uploader: "nobody", path: "wanted", version: firstVersion }, 0);

/** Without what tells of the wish. */
function withoutWish(answers: ReturnType<typeof answersOf>): unknown {
  const { standing, flags, ...others } = answers as { standing: unknown; flags: unknown[] };
  return { ...others, flags: flags.filter((_, at) => at !== 3) };
}

/** With marks that settle most of what was noted before, and with files that are noted once more. */
function settling(random: Random, logged: readonly LoggedEntry[]): LoggedEntry[] {
  const noted: (LoggedEntry & { entry: FilesEntry })[] = [];
  return logged.map((one): LoggedEntry => {
    const { entry, offset } = one;
    if (entry.kind === "files") noted.push({ ...one, entry });
    const [last] = noted.slice(-1 - random.below(4));
    if (!last || random.below(3) === 0) return one;
    if (entry.kind === "done") {
      const versions = noted.flatMap(({ entry: { files } }) => files.map(({ version }) => version));
      const range = {
        to: Math.max(...versions),
        at: offset,
        but: random.below(2) ? [random.pick(versions)] : [],
      };
      return { ...one, entry: { ...entry, group: "group", uploader: last.entry.uploader, ...range } };
    }
    const again = { ...last.entry, slot: 7, moved: true as const };
    return entry.kind === "tombstone" ? { ...one, entry: again } : one;
  });
}

test("files that a mark settles are passed over, and everything is as if they had not been", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const isCommon = (kind: string) => kind !== "again" && (seed % 2 === 0 || kind !== "failed");
    const any = entriesOf(random, 5 + random.below(60)).filter(({ entry }) => isCommon(keyOf(entry).kind));
    const logged = settling(random, any);
    const whole = random.below(logged.length + 1);
    const [quick, slow] = [readAll(logged.slice(0, whole)), readAll(logged.slice(0, whole), wantSomething)];
    for (const one of logged.slice(whole))
      for (const state of [quick, slow]) state.apply(structuredClone(one));
    const newest = firstVersion + 200;
    expect({ seed, answers: withoutWish(answersOf(quick, newest)) }).toEqual({
      seed,
      answers: withoutWish(answersOf(slow, newest)),
    });
  }
});

test("what has failed is not passed over where a mark leaves it to its receipt: that stays", async () => {
  const mark = { kind: "done", group: "group", uploader: "till", partition: 0, format: 1 } as const;
  const lists = { to: 1000, at: 2, but: [], also: [], early: [], by: {}, time, failed: 1000 };
  const log = new MemoryLedger([noted(first), failed(first), { ...mark, ...lists }]);
  const { state } = await GroupLedger.open("group", log);
  expect(state.drainObsolete(() => true, 10)).toEqual([]);
  expect([state.isSettled(first, 0), state.isDelivered(first, 0)]).toEqual([true, false]);
});
