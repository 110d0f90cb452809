/** Running the command `find` in a scene. */
import type { FoundItem } from "../../agent/ledger/find/found-json.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import type { Scene, Settings } from "./scene.ts";

/** Arguments for the command, with a configuration that has no role. */
export async function findArguments(
  scene: Scene,
  args: readonly string[],
  kafka: Settings = {},
): Promise<string[]> {
  const config = await scene.configuration({
    kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger, ...kafka },
  });
  return ["find", ...args, "--config", config];
}

export async function find(scene: Scene, ...args: readonly string[]): Promise<Outcome> {
  return outcomeOf(scene.agent(await findArguments(scene, args)));
}

/** What is found, by its path. */
export async function findItems(scene: Scene, ...args: readonly string[]): Promise<Map<string, FoundItem>> {
  const { code, out, err } = await find(scene, "--json", ...args);
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  const items = out
    .trimEnd()
    .split("\n")
    .map((line): FoundItem => JSON.parse(line));
  return new Map(items.map((item) => [item.path, item]));
}
