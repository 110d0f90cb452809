import { expect, test } from "bun:test";
import { Wishes } from "../../../../agent/ledger/group/wishes.ts";

test.each([10, 150, 3000])(
  "what does not fit is looked for once most of what did is over, also for the bytes of paths of %d characters",
  (length) => {
    const wishes = new Wishes();
    const all = Array.from({ length: 21_000 }, (_, at) => ({
      ...{ uploader: "till", path: "x".repeat(length) + at, version: at + 1 },
    }));
    for (const [at, id] of all.entries()) wishes.note(id, at);
    const { size } = wishes;
    expect(size).toBeLessThan(all.length);
    expect(wishes.mayTakeMore).toBe(false);
    const kept = all.filter((id) => wishes.has(id));
    for (const id of kept.slice(kept.length / 5)) wishes.remove(id, 30_000);
    expect(wishes.mayTakeMore).toBe(false);
    for (const id of kept) wishes.remove(id, 30_000);
    expect(wishes.mayTakeMore).toBe(true);
  },
);
