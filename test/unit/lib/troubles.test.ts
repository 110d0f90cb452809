import { expect, test } from "bun:test";
import { Troubles } from "../../../agent/lib/troubles.ts";

const what = "kafka.sasl";
const reason = "the brokers refuse the login";

test("a trouble that several have is one, said once, and over with the last of them", () => {
  const troubles = new Troubles();
  const [first, second] = [troubles.share(what, reason), troubles.share(what, reason)];
  expect([first.isFirst, second.isFirst, troubles.open.size]).toEqual([true, false, 1]);
  first.end();
  first.end();
  expect(troubles.open.size).toBe(1);
  second.end();
  expect(troubles.open.size).toBe(0);
});

test("one that is over and there again within a minute is a reason not to be ready, and not said again", () => {
  let nowMs = 0;
  const troubles = new Troubles(() => nowMs);
  troubles.share(what, reason).end();
  nowMs += 59_000;
  const again = troubles.share(what, reason);
  expect([again.isFirst, troubles.open.size]).toEqual([false, 1]);
  expect(troubles.share(what, "another reason").isFirst).toBe(true);
  again.end();
  nowMs += 61_000;
  expect(troubles.share(what, reason).isFirst).toBe(true);
});
