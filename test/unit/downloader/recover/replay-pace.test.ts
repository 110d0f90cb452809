import { expect, test } from "bun:test";
import { ReplayPace } from "../../../../agent/downloader/recover/replay-pace.ts";

/** Reads whenever it may for an hour; gives how often that was, and which share of the time it took. */
function readForAnHour(uploaders: readonly string[], tookMs: number, brought: boolean) {
  let nowMs = 0;
  let [readings, readMs] = [0, 0];
  const pace = new ReplayPace(() => nowMs);
  while (nowMs < 3600_000) {
    const batch = uploaders.filter((uploader) => pace.mayRead(uploader));
    if (batch.length === 0) nowMs += 100;
    else {
      pace.began(batch);
      nowMs += tookMs;
      pace.ended(
        batch.map((uploader) => ({ uploader, brought })),
        tookMs,
      );
      readings++;
      readMs += tookMs;
    }
  }
  return { readings, share: readMs / nowMs };
}

test("readings that bring something follow each other without a pause", () => {
  expect(readForAnHour(["till"], 1000, true).share).toBe(1);
});

test("readings that bring nothing are few, and have a small share of the time however long each takes", () => {
  expect(readForAnHour(["till"], 600, false).readings).toBeLessThan(35);
  expect(readForAnHour(["till"], 300_000, false).share).toBeLessThan(0.2);
});

test("under ever new names they have a quarter of the time at most", () => {
  let nowMs = 0;
  let readMs = 0;
  const pace = new ReplayPace(() => nowMs);
  for (let name = 0; nowMs < 3600_000; name++) {
    const uploader = `stranger-${name}`;
    if (!pace.mayRead(uploader)) {
      nowMs += 100;
      continue;
    }
    pace.began([uploader]);
    nowMs += 30_000;
    readMs += 30_000;
    pace.ended([{ uploader, brought: false }], 30_000);
  }
  expect(readMs / nowMs).toBeLessThanOrEqual(0.26);
});

test("an uploader for whom nothing came holds up no other for longer than the pause of all", () => {
  let nowMs = 0;
  const pace = new ReplayPace(() => nowMs);
  pace.began(["stranger"]);
  pace.ended([{ uploader: "stranger", brought: false }], 500);
  nowMs = 2000;
  expect(pace.mayRead("stranger")).toBe(false);
  expect(pace.mayRead("till")).toBe(true);
});

test("while a reading is under way for an uploader no other begins for it", () => {
  const pace = new ReplayPace(() => 0);
  pace.began(["till"]);
  expect([pace.mayRead("till"), pace.mayRead("other")]).toEqual([false, true]);
  pace.ended([{ uploader: "till", brought: true }], 5000);
  expect(pace.mayRead("till")).toBe(true);
});
