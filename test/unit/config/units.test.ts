import { expect, test } from "bun:test";
import {
  formatDuration,
  formatRate,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
  UnitError,
} from "../../../agent/config/units.ts";

test("a size is bytes, decimal or binary", () => {
  const sizes: [string, number][] = [
    ["943759", 943_759],
    ["0", 0],
    ["1B", 1],
    ["1kB", 1000],
    ["1KiB", 1024],
    ["1MB", 1_000_000],
    ["1 MiB", 1_048_576],
    ["1.5mib", 1_572_864],
    ["2GB", 2_000_000_000],
    ["1TiB", 1024 ** 4],
  ];
  for (const [text, bytes] of sizes) expect(parseSize(text)).toBe(bytes);
});

test("a duration is milliseconds", () => {
  const durations: [string, number][] = [
    ["500ms", 500],
    ["0s", 0],
    ["5s", 5000],
    ["10m", 600_000],
    ["1.5h", 5_400_000],
    ["7d", 604_800_000],
  ];
  for (const [text, milliseconds] of durations) expect(parseDuration(text)).toBe(milliseconds);
});

test("a rate is bytes per second", () => {
  expect(parseRate("2MB/s")).toBe(2_000_000);
  expect(parseRate("512 KiB/s")).toBe(524_288);
});

test("what could be meant in two ways is refused", () => {
  for (const text of [
    "",
    " ",
    "-1",
    "1M",
    "1K",
    "MB",
    "1e6",
    "0x10",
    "1iB",
    "1.5",
    "1,5MB",
    "١MB",
    "1MB/s",
    "NaN",
    "∞",
  ]) {
    expect(() => parseSize(text)).toThrow(UnitError);
  }
  for (const text of ["", "5", "-5s", "5S", "5M", "1h30m", "5 sec", "s", "5ss", "off", "Infinitys", "1e3s"]) {
    expect(() => parseDuration(text)).toThrow(UnitError);
  }
  for (const text of ["", "2MB", "2/s", "2MB/m", "MB/s", "2MB/s/s"])
    expect(() => parseRate(text)).toThrow(UnitError);
});

test("a number beyond what can be counted exactly is refused", () => {
  expect(() => parseSize("99999999TiB")).toThrow("is too large");
  expect(() => parseSize("9".repeat(400))).toThrow("is too large");
  expect(() => parseDuration("999999999999d")).toThrow("is too large");
});

test("what is formatted is read back as the same, for any number", () => {
  let seed = 42;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  for (let round = 0; round < 5000; round++) {
    const value = Math.floor(2 ** (random() * 40)) * ([1, 1000, 1024, 60][Math.floor(random() * 4)] ?? 1);
    expect(parseSize(formatSize(value))).toBe(value);
    expect(parseDuration(formatDuration(value))).toBe(value);
    expect(parseRate(formatRate(value))).toBe(value);
  }
});

test("no text makes a parser do anything but answer or refuse", () => {
  const alphabet = [..."0123456789. mskKMGTiBb/hd-+eE\t\n\u0000é"];
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random(8) }, () => alphabet[random(alphabet.length)]).join("");
    for (const parse of [parseSize, parseDuration, parseRate]) {
      try {
        const value = parse(text);
        expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(UnitError);
      }
    }
  }
});

test("the shortest exact unit is shown", () => {
  expect([formatSize(8_388_608), formatSize(1_000_000), formatSize(943_759), formatSize(2000)]).toEqual([
    "8MiB",
    "1MB",
    "943759",
    "2kB",
  ]);
  expect([
    formatDuration(5000),
    formatDuration(604_800_000),
    formatDuration(1500),
    formatDuration(0),
  ]).toEqual(["5s", "7d", "1500ms", "0s"]);
  expect([formatRate(2_000_000), formatRate(1234)]).toEqual(["2MB/s", "1234B/s"]);
});
