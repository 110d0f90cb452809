/** main.ts FOLDER [PART...] [OPTION...]: see the head of scripts/bench. FOLDER has the executable, and takes what the parts write. */
import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { Bench } from "./bench.ts";
import { type CompareOptions, compareProblem, measureCompare } from "./compare/compare.ts";
import { measureQuick } from "./compare/quick.ts";
import { measureIdle } from "./idle.ts";
import { measureIncomplete } from "./incomplete.ts";
import { measureLedger } from "./ledger.ts";
import { type LedgerSizes, ledgerSizes } from "./ledger-sizes.ts";
import { measureMemory } from "./memory.ts";
import { measureNetwork } from "./network.ts";
import { measurePage } from "./page.ts";
import { measureResume } from "./resume.ts";
import { measureSmallFiles } from "./small-files.ts";
import { measureStalled } from "./stalled.ts";
import { measureStart } from "./start.ts";
import { measureThousand } from "./thousand.ts";
import { measureThroughput } from "./throughput.ts";

type Part = (bench: Bench) => Promise<void>;

const parts: Readonly<Record<string, Part>> = {
  throughput: measureThroughput,
  "small-files": measureSmallFiles,
  memory: measureMemory,
  incomplete: measureIncomplete,
  stalled: measureStalled,
  thousand: measureThousand,
  resume: measureResume,
  idle: measureIdle,
  start: measureStart,
  ledger: measureLedger,
  network: measureNetwork,
};
/** Only when they are asked for: they need more, or measure much of the same again, beside others. `--quick` is one by itself. */
const furtherParts: Readonly<Record<string, Part>> = {
  page: measurePage,
  compare: (bench) => measureCompare(bench, compareOptions()),
  quick: (bench) => measureQuick(bench, values.write),
};
const allParts = { ...parts, ...furtherParts };

const units: Readonly<Record<string, number>> = { "": 1, MB: 1e6, GB: 1e9, MiB: 1 << 20, GiB: 1 << 30 };

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    full: { type: "boolean", default: false },
    large: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    write: { type: "boolean", default: false },
    "small-files": { type: "string" },
    uploaders: { type: "string" },
    files: { type: "string" },
    dead: { type: "string" },
    unsettled: { type: "string" },
    own: { type: "string" },
    small: { type: "string" },
    partitions: { type: "string" },
  },
});
const [folder, ...named] = positionals;
if (folder === undefined) throw new Error("main.ts FOLDER [PART...]");
const chosen = values.quick ? ["quick"] : named;
const unknown = chosen.filter((name) => allParts[name] === undefined);
if (unknown.length > 0) fail(`no part ${unknown.join(", ")}: ${Object.keys(allParts).join(", ")}`);
const problem = compareProblem(compareOptions());
if (problem !== undefined) fail(problem);

const { full } = values;
const rounds = countOf("rounds", 3);
const bench = new Bench({
  folder,
  full,
  rounds,
  largeBytes: bytesOf(values.large ?? (full ? "4GB" : "1GB")),
  ledgerSizes: chosenSizes(),
});

console.log(
  `${new Date().toISOString()}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
);
console.log(
  "Broker, agents and files share this machine and one disk. MB is a million bytes, MiB is 1048576.",
);
for (const [name, measure] of Object.entries(chosen.length > 0 ? allParts : parts)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  try {
    await measure(bench);
  } finally {
    await bench.clear();
  }
}

function chosenSizes(): LedgerSizes {
  const { uploaders, files, dead, unsettled, own, small, partitions } = ledgerSizes;
  return {
    uploaders: countOf("uploaders", uploaders),
    files: countOf("files", files),
    dead: countOf("dead", dead),
    unsettled: countOf("unsettled", unsettled),
    own: countOf("own", own),
    small: countOf("small", small),
    partitions: countOf("partitions", partitions),
  };
}

function compareOptions(): CompareOptions {
  return {
    only: values.only?.split(",") ?? [],
    write: values.write,
    largeBytes: bytesOf(values.large ?? "1GB"),
    largestBytes: bytesOf(values.large ?? (values.full ? "16GB" : "1GB")),
    smallFiles: countOf("small-files", 10_000),
    rounds: countOf("rounds", 5),
  };
}

function countOf(option: "rounds" | "small-files" | keyof LedgerSizes, usual: number): number {
  const count = Number(values[option] ?? usual);
  return Number.isInteger(count) && count >= 1 ? count : fail(`--${option} takes a number of at least 1`);
}

function bytesOf(text: string): number {
  const [, digits, unit = ""] = /^(\d+)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = units[unit];
  if (digits === undefined || factor === undefined) return fail(`--large takes a size like 4GB, not ${text}`);
  return Number(digits) * factor;
}

function fail(message: string): never {
  console.error(`scripts/bench: ${message}`);
  process.exit(2);
}
