/** The command line of scripts/chaos. */
import { parseArgs } from "node:util";

export const sabotages = ["lost", "corrupt", "half", "older", "duplicate", "stuck"] as const;
export type Sabotage = (typeof sabotages)[number];

export interface ChaosOptions {
  /** Takes everything that the run writes. */
  folder: string;
  executable: string;
  minutes: number;
  seed: number;
  sabotage: Sabotage | undefined;
  /** Kinds of faults that are left out. */
  without: readonly string[];
  /** Uploaders whose sources are deleted once they are delivered. */
  afterDelete: number;
}

/** Throws an error that says what is wrong with the command line. */
export function parseOptions(args: readonly string[], faults: readonly string[]): ChaosOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      minutes: { type: "string", default: "3" },
      seed: { type: "string" },
      sabotage: { type: "string" },
      without: { type: "string", default: "" },
      "after-delete": { type: "string", default: "1" },
    },
  });
  const [folder, executable, ...more] = positionals;
  if (folder === undefined || executable === undefined)
    throw new Error("main.ts FOLDER EXECUTABLE [OPTION...]");
  if (more.length > 0) throw new Error(`unknown argument ${more[0]}`);
  const without = faultsIn(values.without, faults);
  const sabotage = sabotages.find((name) => name === values.sabotage);
  if (values.sabotage !== undefined && sabotage === undefined)
    throw new Error(`--sabotage takes one of ${sabotages.join(", ")}`);
  return {
    folder,
    executable,
    minutes: number("minutes", values.minutes, 0.1),
    seed: values.seed === undefined ? Date.now() % 2 ** 31 : number("seed", values.seed, 0),
    sabotage,
    without,
    afterDelete: number("after-delete", values["after-delete"], 0),
  };
}

function faultsIn(list: string, faults: readonly string[]): string[] {
  const names = list.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !faults.includes(name));
  if (unknown !== undefined)
    throw new Error(`--without ${unknown}: no such fault; there are ${faults.join(", ")}`);
  return names;
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < least)
    throw new Error(`--${name} takes a number of at least ${least}, not ${text}`);
  return value;
}
