/**
 * scripts/bench compare: the agent beside what people would use instead, and beside itself with other settings; all that is in one table
 * was measured in turn in one run.
 */
import type { Bench } from "../bench.ts";
import { growFile, growUploaders, growWatched } from "./growth.ts";
import { measureLatency } from "./latency.ts";
import { machineOf } from "./machine.ts";
import { printReport, type Report, writeReport } from "./report.ts";
import { compareLarge, compareSmall, type Sizes, type Wanted } from "./sections.ts";
import { compareChecksums, compareCompression, compareTls } from "./variants.ts";

export interface CompareOptions extends Sizes {
  /** The largest of the files over whose size memory is measured. */
  largestBytes: number;
  /** Sections, or kinds of others; empty: all of both. */
  only: readonly string[];
  /** Into docs/benchmarks.md, too. */
  write: boolean;
}

/** Others that the agent is beside. */
const kinds = ["ceiling", "perf-test", "python", "rsync", "rclone"];

type Section = (bench: Bench, wanted: Wanted, options: CompareOptions) => Promise<Report>;

/** By the names that `--only` and docs/benchmarks.md have for them. */
const sections: Readonly<Record<string, Section>> = {
  large: compareLarge,
  small: compareSmall,
  checksums: (bench, _, sizes) => compareChecksums(bench, sizes),
  compression: (bench, _, sizes) => compareCompression(bench, sizes),
  tls: (bench, _, sizes) => compareTls(bench, sizes),
  latency: (bench, _, sizes) => measureLatency(bench, sizes),
  "file-size": (bench, _, { largestBytes }) => growFile(bench, largestBytes),
  "watched-files": (bench, _, { smallFiles }) => growWatched(bench, 10 * smallFiles),
  uploaders: (bench, _, { smallFiles }) => growUploaders(bench, smallFiles / 10),
};

export const sectionNames: readonly string[] = Object.keys(sections);

/** What can't be done as it is asked for; undefined: nothing. */
export function compareProblem({ only, write }: CompareOptions): string | undefined {
  const known = [...sectionNames, ...kinds];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) return `--only ${unknown.join(",")}: ${known.join(", ")}`;
  if (write && only.some((name) => kinds.includes(name)))
    return "--write takes whole tables: --only with sections";
  return undefined;
}

export async function measureCompare(bench: Bench, options: CompareOptions): Promise<void> {
  const { only, write } = options;
  const onlyKinds = only.filter((name) => kinds.includes(name));
  const onlySections = only.filter((name) => !kinds.includes(name));
  const wanted: Wanted = (kind) => onlyKinds.length === 0 || onlyKinds.includes(kind);
  const chosen = onlyKinds.length > 0 && onlySections.length === 0 ? ["large", "small"] : onlySections;
  const machine = await machineOf(await bench.newFolder("machine"));
  console.log(machine);
  for (const [name, measure] of Object.entries(sections)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    try {
      const report = await measure(bench, wanted, options);
      printReport(report);
      if (write) await writeReport(name, report, machine);
    } finally {
      await bench.clear();
    }
  }
}
