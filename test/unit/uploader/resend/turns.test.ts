import { expect, test } from "bun:test";
import { type Paused, Turns } from "../../../../agent/uploader/resend/turns.ts";

const others = "";

/** Takes so many; each costs what `bytesOf` says, for whom it is. */
function takeAll(turns: Turns, count: number, bytesOf: (share: string) => number): string[] {
  return Array.from({ length: count }, () => {
    const taken = turns.take() as string;
    const share = taken.split("/")[0] as string;
    turns.sent([share === "stranger" ? others : share], bytesOf(share));
    return taken;
  });
}

test("of two groups the one that has had less is next, in bytes and not in files", () => {
  const turns = new Turns();
  for (let at = 0; at < 1000; at++) {
    turns.add("hub", "hub", `hub/${at}`);
    turns.add("mirror", "mirror", `mirror/${at}`);
  }
  const order = takeAll(turns, 1000, (share) => (share === "hub" ? 10_000_000 : 100_000));
  expect(order.filter((path) => path.startsWith("hub/")).length).toBeLessThan(15);
  // In the order in which each has asked.
  const mine = order.filter((path) => path.startsWith("mirror/"));
  expect(mine).toEqual(mine.map((_, at) => `mirror/${at}`));
});

test("made-up groups have one share together, and take turns in it", () => {
  const turns = new Turns();
  for (let at = 0; at < 10_000; at++) turns.add(others, `made-up-${at}`, `stranger/${at}`);
  for (let at = 0; at < 100; at++) turns.add("hub", "hub", `hub/${at}`);
  turns.add(others, "made-up-0", "stranger/again");
  const order = takeAll(turns, 200, () => 1000);
  expect(order.filter((path) => path.startsWith("hub/")).length).toBeGreaterThan(95);
  expect(order).not.toContain("stranger/again");
});

test("who asked for nothing for long has saved nothing up, and who had much has nothing to pay for when nobody waited", () => {
  const turns = new Turns();
  for (let at = 0; at < 1000; at++) turns.add("hub", "hub", `hub/${at}`);
  takeAll(turns, 500, () => 1_000_000);
  for (let at = 0; at < 100; at++) turns.add("mirror", "mirror", `mirror/${at}`);
  const order = takeAll(turns, 100, () => 1_000_000);
  const ofHub = order.filter((path) => path.startsWith("hub/")).length;
  expect(ofHub).toBeGreaterThan(45);
  expect(ofHub).toBeLessThan(55);
});

test("a path that waits for a turn is there once, however often it is asked for", () => {
  const turns = new Turns();
  for (let times = 0; times < 100; times++) turns.add("hub", "hub", "hub/a");
  expect(turns.take()).toBe("hub/a");
  expect(turns.take()).toBeUndefined();
});

test("a known group goes on before it begins another; of the others so many are interrupted at most", () => {
  const turns = new Turns();
  const paused = (): Paused => ({ resume: () => undefined });
  const mine = paused();
  turns.add("hub", "hub", "hub/next");
  turns.addPaused(["hub"], mine);
  expect(turns.take()).toBe(mine);
  expect(turns.take()).toBe("hub/next");
  for (let at = 0; at < 100; at++) turns.add(others, `made-up-${at}`, `stranger/${at}`);
  let under = 0;
  let most = 0;
  for (let at = 0; at < 1000; at++) {
    const taken = turns.take();
    if (typeof taken === "string") under++;
    most = Math.max(most, under);
    turns.addPaused([others], typeof taken === "string" ? paused() : (taken as Paused));
  }
  expect(most).toBe(32);
});

test("room is made when another share has had less, not for what the same group asks for next", () => {
  const turns = new Turns();
  const hub = new Set(["hub"]);
  turns.sent(hub, 1000);
  expect(turns.isOthersTurn(hub)).toBe(false);
  turns.add("hub", "hub", "hub/next");
  expect(turns.isOthersTurn(hub)).toBe(false);
  turns.add("mirror", "mirror", "mirror/a");
  expect(turns.isOthersTurn(hub)).toBe(true);
  expect(turns.isOthersTurn(new Set(["hub", "mirror"]))).toBe(false);
  turns.sent(["mirror"], 2000);
  expect(turns.isOthersTurn(hub)).toBe(false);
});

test("what need not wait any more is forgotten, with its groups; all else keeps its turn", () => {
  const turns = new Turns();
  for (let at = 0; at < 1000; at++) turns.add(others, `made-up-${at}`, "stranger/a");
  for (let at = 0; at < 3; at++) turns.add("hub", "hub", `hub/${at}`);
  expect(turns.size).toBe(1003);
  turns.tidy((group, path) => path !== "hub/1" && (group === "hub" || group === "made-up-500"));
  expect(turns.size).toBe(3);
  const order = [1, 2, 3, 4].map(() => turns.take());
  expect(order.filter((path) => path !== "stranger/a")).toEqual(["hub/0", "hub/2", undefined]);
  expect(turns.size).toBe(0);
  turns.add(others, "made-up-1", "stranger/b");
  expect(turns.take()).toBe("stranger/b");
});
