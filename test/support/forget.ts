/** Running the command `forget` in a scene, and what the ledger has then. */
import { executable } from "./agent-process.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { compacted } from "./records.ts";
import type { Scene, Settings } from "./scene.ts";
import { waitUntil } from "./wait.ts";

/** Arguments for the command, with a configuration for the scene's topics. */
export async function forgetArguments(
  scene: Scene,
  args: readonly string[],
  kafka: Settings = {},
): Promise<string[]> {
  const config = await scene.configuration({
    role: "downloader",
    name: "hub",
    kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger, ...kafka },
    downloader: { output: await scene.folder("unused"), group: scene.group },
  });
  return ["forget", ...args, "--config", config];
}

export async function forget(scene: Scene, ...args: readonly string[]): Promise<Outcome> {
  return outcomeOf(scene.agent(await forgetArguments(scene, args)));
}

/** Answers the command's question as somebody at a terminal does. @param answer undefined: the key that ends the input */
export async function forgetAtTerminal(
  scene: Scene,
  args: readonly string[],
  answer: string | undefined,
): Promise<Pick<Outcome, "code" | "out">> {
  let out = "";
  let isAnswered = false;
  const decoder = new TextDecoder();
  const child = Bun.spawn([executable, ...(await forgetArguments(scene, args))], {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "", TZ: "UTC", TERM: "dumb" },
    terminal: {
      cols: 200,
      data: (terminal, bytes) => {
        out += decoder.decode(bytes, { stream: true });
        if (isAnswered || !out.includes("[y/N] ")) return;
        isAnswered = true;
        terminal.write(answer === undefined ? "\x04" : `${answer}\r`);
      },
    },
  });
  try {
    await waitUntil("it ends", () => child.exitCode !== null, { detail: () => out });
    return { code: child.exitCode, out };
  } finally {
    child.kill("SIGKILL");
    child.terminal?.close();
  }
}

/** What stands in the ledger. */
export async function ledgerOf(scene: Scene): Promise<Map<string, unknown>> {
  return compacted(await (await scene.kafka()).readAll(scene.ledger));
}

/** Its keys that begin with one of these. */
export async function keysOf(scene: Scene, ...kinds: readonly string[]): Promise<string[]> {
  return [...(await ledgerOf(scene)).keys()]
    .filter((key) => kinds.some((kind) => key.startsWith(kind)))
    .sort();
}
