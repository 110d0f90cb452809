import type { Config } from "../config/config.ts";

/** Runs the configured role until it is done or told to stop; gives the exit code. */
export async function run(_config: Config, _options: { once: boolean; dryRun: boolean }): Promise<number> {
  throw new Error("not wired yet");
}
