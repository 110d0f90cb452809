import { expect, test } from "bun:test";
import { merge } from "../../../agent/lib/merge.ts";

async function* of(...items: number[]): AsyncGenerator<number> {
  yield* items;
}

async function* never(): AsyncGenerator<number> {
  yield await new Promise<number>(() => undefined);
}

test("everything of every source comes once, each source's in its order", async () => {
  const items: number[] = [];
  for await (const item of merge([of(1, 2, 3), of(), of(11, 12)], new AbortController().signal))
    items.push(item);
  expect(items.filter((item) => item < 10)).toEqual([1, 2, 3]);
  expect(items.filter((item) => item > 10)).toEqual([11, 12]);
});

test("a source that hangs holds up neither the others nor the end by the signal", async () => {
  const stop = new AbortController();
  const items: number[] = [];
  for await (const item of merge([never(), of(1, 2)], stop.signal)) {
    items.push(item);
    if (item === 2) stop.abort();
  }
  expect(items).toEqual([1, 2]);
});

test("a source goes on only when what it gave was dealt with", async () => {
  let asked = 0;
  async function* counting(): AsyncGenerator<number> {
    while (asked < 100) yield asked++;
  }
  for await (const item of merge([counting()], new AbortController().signal)) expect(asked).toBe(item + 1);
  expect(asked).toBe(100);
});

test("what a source throws is thrown", async () => {
  async function* failing(): AsyncGenerator<number> {
    yield 1;
    throw new Error("broken");
  }
  const all = async () => {
    for await (const _ of merge([failing(), never()], new AbortController().signal));
  };
  expect(all()).rejects.toThrow("broken");
});
