/** Telling stories in simulated worlds until one goes wrong; a seed and a path tell it again. */
import { setSystemTime } from "bun:test";
import fc from "fast-check";
import { happen, type Story, stories } from "./events.ts";
import { type Faults, World } from "./world.ts";

export interface Telling {
  runs: number;
  seed: number;
  /** Of a story that went wrong, as it was reported. */
  path?: string | undefined;
  faults?: Faults;
  /** What they are about. */
  of?: Parameters<typeof stories>[0] | undefined;
  /** Look for the shortest story that goes wrong the same way, which takes a while. */
  shrinks?: boolean;
}

/** So much of what happened before is told. */
const reportedLines = 200;
/** Calls that change nothing. */
const dull = /: (look|ask for|read|list) /;
const shrinkMs = 60_000;

/** What was told, in numbers. */
export interface Told {
  stories: number;
  turns: number;
  published: number;
  commits: number;
  covered: number;
  failed: number;
  /** Starts that went on from a summary of the ledger. */
  resumed: number;
}

/** Returns what happened in the first story that goes wrong, `undefined` when none does. */
export async function tellStories(telling: Telling, told?: Told): Promise<string | undefined> {
  const { runs, seed, path, faults = {}, of = {}, shrinks = false } = telling;
  const property = fc.asyncProperty(stories(of), async (story) => {
    const world = await tell(story, faults);
    if (told) count(told, world);
  });
  const details = await fc.check(property, {
    numRuns: runs,
    seed,
    ...(path === undefined ? {} : { path }),
    endOnFailure: !shrinks,
    ...(shrinks ? { interruptAfterTimeLimit: shrinkMs + runs * 10_000 } : {}),
  });
  const [story] = details.counterexample ?? [];
  if (!details.failed || !story) return undefined;
  const lines: string[] = [];
  await tell(story, faults, lines).catch((error: unknown) => lines.push(String(error)));
  const isOfEnvironment = telling.of === undefined && telling.faults === undefined;
  const again = isOfEnvironment
    ? `MODEL_SEED=${details.seed} MODEL_PATH=${details.counterexamplePath}`
    : "this test tells the same stories each time";
  return [
    again,
    JSON.stringify(story),
    ...lines.filter((line) => !dull.test(line)).slice(-reportedLines),
  ].join("\n");
}

async function tell(story: Story, faults: Faults, lines?: string[]): Promise<World> {
  const world = new World(story.beginning, faults, lines);
  try {
    for (const event of story.events) await happen(world, event);
    await world.end();
    return world;
  } finally {
    world.close();
    setSystemTime();
  }
}

function count(told: Told, { turns, checks: { counts } }: World): void {
  told.stories++;
  told.turns += turns.count;
  told.published += counts.published;
  told.commits += counts.commits;
  told.covered += counts.covered;
  told.failed += counts.failed;
  told.resumed += counts.resumed;
}
