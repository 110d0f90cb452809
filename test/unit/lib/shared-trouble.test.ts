import { expect, test } from "bun:test";
import { retry } from "../../../agent/lib/retry.ts";
import { SharedTrouble } from "../../../agent/lib/shared-trouble.ts";
import { Troubles } from "../../../agent/lib/troubles.ts";

test("what hundreds meet at once is said once, is one trouble, and is over when it is for all of them", async () => {
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  const troubles = new Troubles();
  const shared = new SharedTrouble({ warn: say, info: say, troubles });
  const { signal } = new AbortController();
  let works = false;
  const tries = Array.from({ length: 300 }, () =>
    retry({ what: "writing to the ledger", log: shared, signal }, async () => {
      if (!works) throw new Error("no right to");
    }),
  );
  let isOver = false;
  while (troubles.open.size === 0) await Bun.sleep(1);
  const over = shared.over(signal).then(() => {
    isOver = true;
  });
  expect([...troubles.open]).toMatchObject([{ what: "writing to the ledger", reason: "no right to" }]);
  expect(isOver).toBe(false);
  works = true;
  await Promise.all([...tries, over]);
  expect(troubles.open.size).toBe(0);
  expect(said).toEqual([
    "writing to the ledger: no right to; trying again until it works",
    "writing to the ledger: works again",
  ]);
});
