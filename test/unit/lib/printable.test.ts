import { describe, expect, test } from "bun:test";
import { printable, printableJson, printableLines } from "../../../agent/lib/printable.ts";

const escaped = [
  ["\n", "\\x0a"],
  ["\x1b[31m", "\\x1b[31m"],
  ["\x7f", "\\x7f"],
  ["\x85", "\\u0085"],
  ["\x9b", "\\u009b"],
  ["\u00ad", "\\u00ad"],
  ["\u061c", "\\u061c"],
  ["\u200b", "\\u200b"],
  ["\u200e", "\\u200e"],
  ["\u200f", "\\u200f"],
  ["\u2028", "\\u2028"],
  ["\u2029", "\\u2029"],
  ["\u202a", "\\u202a"],
  ["\u202e", "\\u202e"],
  ["\u2066", "\\u2066"],
  ["\u2069", "\\u2069"],
  ["\ufeff", "\\ufeff"],
  ["\ud800", "\\ud800"],
  ["\udfff", "\\udfff"],
  ["\u{e0041}", "\\u{e0041}"],
] as const;

describe("what commands who shows it is escaped", () => {
  test.each(escaped)("%j", (raw, shown) => {
    expect(printable(`a${raw}b`)).toBe(`a${shown}b`);
  });

  test.each(["video 1.avi", "größe", "日本語", "🎬", "👩\u200d🚀", "ש", "50%off", "a\\x0ab", "e\u0301", ""])(
    "and %j is not",
    (text) => {
      expect(printable(text)).toBe(text);
    },
  );

  test("and the two joiners are not, which emoji and some scripts need", () => {
    expect(printable("\u200c\u200d")).toBe("\u200c\u200d");
  });
});

test("lines stay lines, each escaped", () => {
  expect(printableLines("a\u202eb\nc\x1bd")).toBe("a\\u202eb\nc\\x1bd");
});

test.each(escaped)("JSON with %j is the same value, and has nothing raw in it", (raw) => {
  const value = { [`k${raw}`]: `a${raw}b é 🎬` };
  const json = printableJson(JSON.stringify(value));
  expect(JSON.parse(json)).toEqual(value);
  expect(printable(json)).toBe(json);
});
