import { expect, test } from "bun:test";
import { Mailbox } from "../../../agent/lib/mailbox.ts";

test("an item takes the place of one of its name that nobody has taken, and all come in the order of their names", async () => {
  const mailbox = new Mailbox<string>();
  for (let times = 0; times < 1000; times++)
    for (const name of ["a", "b"]) mailbox.put(name, `${name}${times}`);
  expect(await Array.fromAsync(mailbox.takeAll(AbortSignal.abort()))).toEqual(["a999", "b999"]);
  expect(await Array.fromAsync(mailbox.takeAll(AbortSignal.abort()))).toEqual([]);
});

test("what is put while the reader waits, or is busy, comes; when the signal fires, also what was put just before", async () => {
  const mailbox = new Mailbox<number>();
  const over = new AbortController();
  const taken: number[] = [];
  const reading = (async () => {
    for await (const item of mailbox.takeAll(over.signal)) {
      taken.push(item);
      await Bun.sleep(1);
    }
  })();
  await Bun.sleep(5);
  mailbox.put("a", 1);
  await Bun.sleep(0);
  expect(taken).toEqual([1]);
  mailbox.put("a", 2);
  mailbox.put("b", 3);
  over.abort();
  await reading;
  expect(taken).toEqual([1, 2, 3]);
});
