import { expect, test } from "bun:test";
import { Fifo } from "../../../agent/lib/fifo.ts";

test("what came first goes first, also when it comes and goes in turn", () => {
  const queue = new Fifo<number>();
  expect(queue.shift()).toBeUndefined();
  const out: (number | undefined)[] = [];
  for (let at = 0; at < 100; at++) {
    queue.push(2 * at);
    queue.push(2 * at + 1);
    out.push(queue.shift());
  }
  for (let at = 0; at < 100; at++) out.push(queue.shift());
  expect(out).toEqual(Array.from({ length: 200 }, (_, at) => at));
  expect(queue.shift()).toBeUndefined();
});
