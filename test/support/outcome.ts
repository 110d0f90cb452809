/** What comes of a command that ends by itself. */
import type { AgentProcess } from "./agent-process.ts";

export interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

export async function outcomeOf(agent: AgentProcess): Promise<Outcome> {
  const code = await agent.waitForExit(120_000);
  return { code, out: agent.output, err: agent.errors };
}
