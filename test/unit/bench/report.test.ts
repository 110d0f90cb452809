import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lineChart } from "../../../scripts/bench-parts/compare/chart.ts";
import { compareProblem, sectionNames } from "../../../scripts/bench-parts/compare/compare.ts";
import { costTable } from "../../../scripts/bench-parts/compare/contestant.ts";
import { markdownOf, withSection } from "../../../scripts/bench-parts/compare/report.ts";

test("a section's content takes the place of what was there, and nothing else changes", () => {
  const text = "before\n<!-- tls -->\nold\n<!-- end of tls -->\nafter\n";
  expect(withSection(text, "tls", "new\n")).toBe(
    "before\n<!-- tls -->\n\nnew\n\n<!-- end of tls -->\nafter\n",
  );
  expect(() => withSection(text, "large", "new")).toThrow("no section large");
});

test("the document has a place for each section", () => {
  const text = readFileSync(join(import.meta.dir, "../../../docs/benchmarks.md"), "utf8");
  for (const name of sectionNames) expect(withSection(text, name, "content")).toContain("content");
});

test("a report in Markdown has its tables, pictures and remarks, and the machine", () => {
  const tables = [{ title: "T", head: ["", "n"], rows: [["a|b", "1"]] }];
  const pictures = [{ name: "p.svg", svg: "", text: "seen" }];
  const text = markdownOf({ tables, pictures, remarks: ["A remark."] }, "A machine.");
  const table = "|  | n |\n|---|--:|\n| a\\|b | 1 |";
  expect(text).toBe(`**T**\n\n${table}\n\n![seen](benchmarks/p.svg)\n\nA remark.\n\nA machine.\n`);
});

test("rates and costs are those of the amount, and a side that there is not has none", () => {
  const cost = (cpuSeconds: number) => ({ cpuSeconds, peakBytes: 3 << 20 });
  const runs = [1, 2, 4].map((seconds) => ({ seconds, sender: cost(seconds) }));
  const large = costTable("T", [{ row: "one", runs }], { count: 2e9, unit: "bytes" });
  expect(large.rows).toEqual([["one", "1000", "500 to 2000", "1.00", "", "", "3", ""]]);
  const small = costTable("T", [{ row: "one", runs }], { count: 1000, unit: "files" });
  expect(small.rows).toEqual([["one", "500", "250 to 1000", "2.000", "", "", "3", ""]]);
});

test("a chart has each point where it belongs, and its texts", () => {
  const series = [{ name: "a < b", points: [[1, 0] as const, [10, 50] as const, [100, 100] as const] }];
  const svg = lineChart({ title: "T", x: "files", y: "MiB", series });
  const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) =>
    [x, y].map(Number),
  );
  // Ten times as much is as far again; the axis ends at 100.
  expect(circles).toEqual([
    [64, 308],
    [340, 190],
    [616, 72],
  ]);
  expect(svg).toContain("a &lt; b");
  expect(svg).not.toContain("NaN");
});

test("a table that would lack rows is not written", () => {
  const options = { largeBytes: 1, largestBytes: 1, smallFiles: 1, rounds: 1 };
  expect(compareProblem({ ...options, only: ["rsync"], write: true })).toContain("whole tables");
  expect(compareProblem({ ...options, only: ["tls"], write: true })).toBeUndefined();
  expect(compareProblem({ ...options, only: ["rsync", "no-such"], write: false })).toContain("no-such");
});
