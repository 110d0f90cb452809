import { expect, test } from "bun:test";
import { LinkLimit } from "../../../../agent/uploader/transport/link-limit.ts";

const batchBytes = 1_048_588;
const none = new Set<string>();
const once = new Set(["broker"]);

/** Looks so often, each time after one more loss. */
function lose(trust: LinkLimit, times: number): void {
  for (let left = times; left > 0; left--) trust.look(once, batchBytes);
}

/** With a chunk under way that has been seen. */
function waitingFor(bytes: number): LinkLimit {
  const trust = new LinkLimit();
  trust.sent(0, bytes);
  trust.look(none, batchBytes);
  return trust;
}

test("a link that was lost four times before a chunk was across is trusted with a quarter of it, and so on", () => {
  const trust = waitingFor(800_000);
  lose(trust, 3);
  expect(trust.bytes).toBe(Number.POSITIVE_INFINITY);
  lose(trust, 1);
  expect(trust.bytes).toBe(200_000);
  trust.ended(0, 800_000, false);
  trust.sent(0, 200_000);
  trust.look(none, batchBytes);
  lose(trust, 4);
  expect(trust.bytes).toBe(50_000);
});

test("small chunks count by the batch that they are in together", () => {
  const trust = new LinkLimit();
  for (let left = 300; left > 0; left--) trust.sent(0, 3000);
  for (let left = 300; left > 0; left--) trust.sent(1, 2000);
  trust.look(none, 500_000);
  for (let left = 4; left > 0; left--) trust.look(once, 500_000);
  expect(trust.bytes).toBe(125_000);
});

test("an outage is one loss of each broker, however many there are", () => {
  const trust = waitingFor(800_000);
  trust.look(new Set(["a", "b", "c", "d", "e"]), batchBytes);
  for (let left = 100; left > 0; left--) trust.look(none, batchBytes);
  expect(trust.bytes).toBe(Number.POSITIVE_INFINITY);
});

test("losses count from the time when something got across", () => {
  const trust = waitingFor(800_000);
  for (let left = 5; left > 0; left--) {
    lose(trust, 3);
    trust.sent(0, 800_000);
    trust.ended(0, 800_000, true);
    // Before or after this one: nobody knows.
    lose(trust, 1);
  }
  expect(trust.bytes).toBe(Number.POSITIVE_INFINITY);
});

test("losses of before a chunk was sent do not count", () => {
  const trust = new LinkLimit();
  lose(trust, 9);
  trust.sent(0, 800_000);
  trust.look(once, batchBytes);
  lose(trust, 3);
  expect(trust.bytes).toBe(Number.POSITIVE_INFINITY);
});

test("what gets across to other partitions does not hide one that stands still", () => {
  const trust = waitingFor(800_000);
  for (let left = 4; left > 0; left--) {
    trust.sent(1, 1000);
    trust.ended(1, 1000, true);
    lose(trust, 1);
  }
  expect(trust.bytes).toBe(200_000);
});

test("it is never trusted with less than any link must carry", () => {
  const trust = new LinkLimit();
  for (let left = 10; left > 0; left--) {
    const bytes = Math.min(800_000, trust.bytes);
    trust.sent(0, bytes);
    trust.look(none, batchBytes);
    lose(trust, 4);
    trust.ended(0, bytes, false);
  }
  expect(trust.bytes).toBe(4096);
});

test("a chunk that small is not made smaller", () => {
  const trust = waitingFor(4000);
  lose(trust, 9);
  expect(trust.bytes).toBe(Number.POSITIVE_INFINITY);
});

/** A link that carries so much between two breaks. */
function carry(trust: LinkLimit, bytes: number): void {
  for (let left = bytes; left > 0; left -= 50_000) {
    trust.sent(0, 50_000);
    trust.ended(0, 50_000, true);
  }
  trust.look(none, batchBytes);
}

function doubted(): LinkLimit {
  const trust = waitingFor(800_000);
  lose(trust, 4);
  trust.ended(0, 800_000, false);
  return trust;
}

test("it is trusted with more when four times as much got across without a break, and in the end with anything", () => {
  const trust = doubted();
  carry(trust, 750_000);
  expect(trust.bytes).toBe(200_000);
  carry(trust, 50_000);
  expect(trust.bytes).toBe(400_000);
  carry(trust, 800_000);
  expect(trust.bytes).toBe(Number.POSITIVE_INFINITY);
});

test("a link that breaks on keeps to what gets across", () => {
  const trust = doubted();
  for (let left = 100; left > 0; left--) {
    carry(trust, 350_000);
    carry(trust, 350_000);
    lose(trust, 1);
  }
  expect(trust.bytes).toBe(200_000);
});
