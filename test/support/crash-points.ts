/**
 * Crashes an agent at every durable effect of a scenario, before and after it, and starts it again: the scenario has to
 * end as it does without a crash. Which effects there are is found by playing it once; there is no list to be kept.
 */
import { expect } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess, StartOptions } from "./agent-process.ts";
import { Random } from "./random.ts";
import { Scene } from "./scene.ts";

/** `scripts/build --crash-points` */
export const crashableExecutable = join(import.meta.dir, "../../dist/streamsend-agent-crash-points");

export interface Scenario {
  steps: readonly Step[];
  /** Whether all is as it should be after the last step. Throws when it is not. */
  verify(runs: readonly Run[]): Promise<void>;
}

/** A run of the agent that may crash. */
export interface Step {
  /** What happens before it is started for the first time. */
  arrange(): Promise<void>;
  start(options: StartOptions): Promise<AgentProcess>;
  /** What happens while it runs; it may end at any moment. */
  meanwhile?(agent: AgentProcess): Promise<void>;
  /** What has to hold right after a crash. */
  afterCrash?(): Promise<void>;
  /** How it ends by itself. */
  exitCode: number;
}

/** One process: what it has done, in order, as `EFFECT: WHAT`. */
export interface Run {
  step: number;
  effects: string[];
  crashed: boolean;
  output: string;
}

interface Point {
  step: number;
  /** Of the process's effects, from 1. */
  number: number;
  moment: "before" | "after";
  effect: string;
}

export interface Tally {
  /** How many there are, how many of them were tried, and how often the process got there. */
  points: number;
  tried: number;
  reached: number;
  failures: string[];
}

/** Fails with every crash that did not end well, or when the agent got to too few of the points. */
export function expectAllWell({ points, tried, reached, failures }: Tally): void {
  console.log(`of ${points} crash points ${tried} were tried and ${reached} reached`);
  expect(failures.join("\n\n")).toBe("");
  // What runs side by side comes in another order from time to time, so a number may be another effect, or none.
  expect(reached).toBeGreaterThanOrEqual(0.8 * tried);
}

/** So many scenarios are played at once; they mostly wait. */
const forEachConcurrent = 3;

/**
 * Plays the scenario again and again, each time with a crash in each of its steps, until every point was tried.
 *
 * @param plays how often at most, unless CRASH_POINTS is `all`; which points are tried then, the seed decides
 */
export async function crashEverywhere(
  brokers: string,
  make: (scene: Scene) => Promise<Scenario>,
  plays: number,
): Promise<Tally> {
  const all = process.env.CRASH_POINTS === "all";
  const seed = Number(process.env.CRASH_SEED ?? 1);
  const whole = await play(brokers, make, []);
  const points = whole.map(({ step, effects }) => pointsOf(step, effects));
  const waiting = combine(points, seed).slice(0, all ? undefined : plays);
  const tally: Tally = { points: points.flat().length, tried: 0, reached: 0, failures: [] };
  const playOn = async () => {
    for (let crashes = waiting.shift(); crashes; crashes = waiting.shift()) {
      tally.tried += crashes.length;
      try {
        await play(brokers, make, crashes, () => tally.reached++);
      } catch (error) {
        const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
        tally.failures.push(`${crashes.map(describe).join(", ")}: ${what}`);
      }
    }
  };
  await Promise.all(Array.from({ length: forEachConcurrent }, playOn));
  return tally;
}

async function play(
  brokers: string,
  make: (scene: Scene) => Promise<Scenario>,
  crashes: readonly Point[],
  onCrash: () => void = () => undefined,
): Promise<Run[]> {
  const scene = await Scene.open(brokers);
  try {
    const lists = await scene.folder("effects");
    const { steps, verify } = await make(scene);
    const runs: Run[] = [];
    for (const [at, step] of steps.entries()) {
      await step.arrange();
      const crash = crashes.find((point) => point.step === at);
      const run = await runOnce(at, step, join(lists, `${at}-first`), crash);
      runs.push(run);
      if (!run.crashed) continue;
      onCrash();
      await step.afterCrash?.();
      runs.push(await runOnce(at, step, join(lists, `${at}-again`)));
    }
    await verify(runs);
    return runs;
  } finally {
    await scene.close();
  }
}

async function runOnce(at: number, step: Step, list: string, crash?: Point): Promise<Run> {
  await writeFile(list, "");
  const crashAt = crash ? { AGENT_CRASH_AT: `${crash.number}:${crash.moment}` } : {};
  const agent = await step.start({
    executable: crashableExecutable,
    env: { AGENT_CRASH_LIST: list, ...crashAt },
  });
  await step.meanwhile?.(agent);
  const code = await agent.waitForExit();
  const crashed = code === null;
  if (crashed ? !crash : code !== step.exitCode)
    throw new Error(`step ${at}: ended with ${code}\n${agent.report()}`);
  const lines = (await readFile(list, "utf8")).split("\n").slice(0, -1);
  const effects = lines.map((line) => line.replace(/^\d+ /, ""));
  // The last one was noted and not performed.
  if (crashed && crash?.moment === "before") effects.pop();
  return { step: at, effects, crashed, output: agent.output };
}

function pointsOf(step: number, effects: readonly string[]): Point[] {
  return effects.flatMap((effect, at) =>
    (["before", "after"] as const).map((moment) => ({ step, number: at + 1, moment, effect })),
  );
}

/** Each point of each step in one combination, in an order that the seed decides. */
function combine(steps: readonly Point[][], seed: number): Point[][] {
  const random = new Random(seed);
  const shuffled = steps.map((points) => shuffle(points, random));
  const length = Math.max(...shuffled.map((points) => points.length));
  return Array.from({ length }, (_, at) => shuffled.flatMap((points) => points[at] ?? []));
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(random.below(left.length), 1));
}

function describe({ step, number, moment, effect }: Point): string {
  return `step ${step} crashed ${moment} effect ${number} (${effect})`;
}
