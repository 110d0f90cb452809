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

test("the first of a kind is said, then one every ten seconds, with how many there were", () => {
  const warnings = new RareWarnings(log);
  for (const second of [0, 1, 9, 10, 11, 31]) {
    now.mockReturnValue(second * 1000);
    warnings.warn("odd", `at ${second}`);
  }
  const lines = warn.mock.calls.map(([line]) => line);
  expect(lines).toEqual([
    "at 0",
    "at 10; and 2 more of its kind before",
    "at 31; and 1 more of its kind before",
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
