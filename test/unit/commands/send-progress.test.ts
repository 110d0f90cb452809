/** Bars and lines of `send`. */
import { expect, test } from "bun:test";
import { barOf, Progress, sizeText, timeText } from "../../../agent/commands/send-progress.ts";

const file = { path: "photos/a.jpg", version: 1, bytes: 4_500_000, size: 10_000_000 };

test("a bar says how far a file is, how fast it goes, and how long it takes", () => {
  expect(barOf(file, 1_200_000, 80)).toBe(
    "photos/a.jpg      45% [=========           ]  4.5 MB of 10.0 MB  1.2 MB/s  0:05",
  );
});

test("a bar never fills the last column, whatever the name is", () => {
  for (const path of ["a", "x".repeat(300), "写真".repeat(60), "🎞️".repeat(60)])
    for (const columns of [1, 20, 60, 80, 200])
      expect(Bun.stringWidth(barOf({ ...file, path }, 1, columns))).toBeLessThan(columns);
});

test("an empty file, and one that has grown, are whole", () => {
  expect(barOf({ ...file, bytes: 0, size: 0 }, undefined, 80)).toContain("100% [====================]");
  expect(barOf({ ...file, bytes: 11, size: 10 }, undefined, 80)).toContain("100% [====================]");
});

test("sizes and times are short", () => {
  expect([0, 999, 1000, 999_949, 999_950, 1e9, 5e14].map(sizeText)).toEqual([
    ...["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.0 GB", "500.0 TB"],
  ]);
  expect([0, 59.2, 61, 3723, Number.POSITIVE_INFINITY, Number.NaN].map(timeText)).toEqual([
    ...["0:00", "1:00", "1:01", "1:02:03", "-:--", "-:--"],
  ]);
});

test("bars are taken away before anything else is written, and once all is over", () => {
  let written = "";
  let moving = [file];
  const screen = {
    columns: 80,
    write(text: string) {
      written += text;
    },
  };
  const progress = new Progress({ screen, moving: () => moving, nowMs: () => 0 });
  progress.draw();
  expect(written).toEndWith("\n");
  progress.clear();
  expect(written).toEndWith("\x1b[1A\r\x1b[J");
  const before = written;
  progress.clear();
  moving = [];
  progress.draw();
  expect(written).toBe(before);
  progress.end();
});
