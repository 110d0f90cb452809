/** What the seed says of each step of the generator: which files there are, how large, and how often what is done to them. */
import type { Random } from "../../test/support/random.ts";

export type Operation =
  | "create"
  | "replace"
  | "overwrite"
  | "append"
  | "truncate"
  | "touch"
  | "grow"
  | "hold"
  | "rename"
  | "remove";

/** The name of what `hold` does, for the command line. */
export const openWriters = "open-writers";

/** How often each is chosen, of 100. */
const weights: readonly (readonly [Operation, number])[] = [
  ["create", 48],
  ["replace", 14],
  ["overwrite", 4],
  ["append", 5],
  ["truncate", 3],
  ["touch", 3],
  ["grow", 2],
  ["hold", 2],
  ["rename", 8],
  ["remove", 11],
];
/** Many small files, some empty, few large: below which number of 1000, the least and the most bytes. */
const sizes = [
  [80, 0, 0],
  [560, 1, 10_000],
  [850, 10_000, 1_000_000],
  [952, 1_000_000, 10_000_000],
  [985, 10_000_000, 60_000_000],
  [1000, 60_000_000, 200_000_000],
] as const;
const largestBytes = 200_000_000;
const folders = ["", "till-1", "till-2/2025/11", "with blanks and ümlaut", "deep/er/and/deep/er"];
const kinds = ["bin", "txt", "avi", "json"];
const names = ["video", "scan", "note", "log"];

/** All that a step needs from the seed, drawn at once, so that timing does not change what the next step gets. */
export interface Draw {
  operation: Operation;
  source: number;
  target: number;
  /** Below the watch; empty: none. */
  folder: string;
  /** Of a new file, with a % where its number goes. */
  name: string;
  bytes: number;
  /** Whether it is left alone until it has arrived everywhere. */
  kept: boolean;
  /** How often a file that grows is appended to. */
  parts: number;
  pauseMs: number;
}

/** @param first the step that begins a run: the largest file, so that it is there in the shortest run, too */
export function drawStep(random: Random, first: boolean): Draw {
  const chosen = { operation: pickWeighted(random.below(100)), bytes: sizeOf(random.below(1000), random) };
  return {
    operation: first ? "create" : chosen.operation,
    bytes: first ? largestBytes : chosen.bytes,
    source: random.below(1 << 20),
    target: random.below(1 << 20),
    folder: random.pick(folders),
    name: `${random.pick(names)}-%.${random.pick(kinds)}`,
    kept: random.below(100) < 75,
    parts: 3 + random.below(10),
    pauseMs: 50 + random.below(500),
  };
}

function pickWeighted(drawn: number): Operation {
  let sum = 0;
  return weights.find(([, weight]) => {
    sum += weight;
    return drawn < sum;
  })?.[0] as Operation;
}

/** By a number below 1000. */
function sizeOf(drawn: number, random: Random): number {
  const [, least, most] = sizes.find(([below]) => drawn < below) as readonly [number, number, number];
  return least + random.below(most - least + 1);
}
