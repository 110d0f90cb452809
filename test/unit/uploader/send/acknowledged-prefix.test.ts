import { expect, test } from "bun:test";
import { AcknowledgedPrefix } from "../../../../agent/uploader/send/acknowledged-prefix.ts";

test("only acknowledgements without a gap move the prefix", () => {
  const prefix = new AcknowledgedPrefix(0);
  const [first, second, third] = [prefix.sent(0, 10), prefix.sent(10, 10), prefix.sent(20, 5)];
  second(undefined);
  expect(prefix.bytes).toBe(0);
  first(undefined);
  expect(prefix.bytes).toBe(20);
  third(undefined);
  expect(prefix.bytes).toBe(25);
});

test("a chunk that was not delivered ends the waiting with its reason", async () => {
  const prefix = new AcknowledgedPrefix(0);
  const [first, second] = [prefix.sent(0, 10), prefix.sent(10, 10)];
  const all = prefix.all();
  second(undefined);
  first(new Error("refused"));
  await expect(all).rejects.toThrow("refused");
  expect(prefix.bytes).toBe(0);
});

test("after a new beginning late acknowledgements of the old try change nothing", async () => {
  const prefix = new AcknowledgedPrefix(5);
  const late = prefix.sent(5, 10);
  prefix.restart();
  late(undefined);
  late(new Error("too late"));
  expect(prefix.bytes).toBe(5);
  await prefix.all();
});
