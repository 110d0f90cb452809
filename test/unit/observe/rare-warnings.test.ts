import { afterAll, afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { Log } from "../../../agent/observe/log.ts";
import { RareWarnings } from "../../../agent/observe/rare-warnings.ts";

const log = new Log({ level: "error", format: "text", agent: "hub" });
const warn = spyOn(log, "warn").mockImplementation(() => undefined);
const error = spyOn(log, "error").mockImplementation(() => undefined);
let now: ReturnType<typeof spyOn<Performance, "now">>;

beforeEach(() => {
  now = spyOn(performance, "now");
});

// Whatever else runs in this process needs the real one.
afterEach(() => {
  warn.mockClear();
  error.mockClear();
  now.mockRestore();
});

afterAll(() => {
  warn.mockRestore();
  error.mockRestore();
});

/** One of the kind a second, from one of them to another. */
function warnEachSecond(warnings: RareWarnings, from: number, to: number): void {
  for (let second = from; second <= to; second++) {
    now.mockReturnValue(second * 1000);
    warnings.warn("odd", `at ${second}`);
  }
}

test("the first of a kind is said, then one after ten seconds, and ever fewer as there are more, with how many there were", () => {
  const warnings = new RareWarnings(log);
  warnEachSecond(warnings, 0, 200);
  expect(warn.mock.calls.map(([line]) => line)).toEqual([
    "at 0",
    "at 10; and 9 more of its kind before",
    "at 30; and 19 more of its kind before",
    "at 70; and 39 more of its kind before",
    "at 130; and 59 more of its kind before",
    "at 190; and 59 more of its kind before",
  ]);
});

test("once there were no more of a kind for a while, the next ones are said as the first", () => {
  const warnings = new RareWarnings(log);
  warnEachSecond(warnings, 0, 100);
  warn.mockClear();
  for (const second of [500, 700, 701, 710]) {
    now.mockReturnValue(second * 1000);
    warnings.warn("odd", `at ${second}`);
  }
  expect(warn.mock.calls.map(([line]) => line)).toEqual([
    "at 500; and 30 more of its kind before",
    "at 700",
    "at 710; and 1 more of its kind before",
  ]);
});

test("of a kind that people want to see each, so many are said at once", () => {
  now.mockReturnValue(0);
  const warnings = new RareWarnings(log, { refused: 3 });
  for (let at = 0; at < 1000; at++) warnings.error("refused", `file ${at}`);
  now.mockReturnValue(60_000);
  for (let at = 0; at < 1000; at++) warnings.error("refused", `later ${at}`);
  const lines = error.mock.calls.map(([line]) => line);
  expect(lines).toEqual([
    "file 0",
    "file 1",
    "file 2",
    "later 0; and 997 more of its kind before",
    "later 1",
    "later 2",
  ]);
});
