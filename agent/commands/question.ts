import { createInterface } from "node:readline/promises";

/** Asks whoever sits at the terminal, if somebody does: then it is a function, that says whether they have said yes. */
export function terminalQuestion(): ((question: string) => Promise<boolean>) | undefined {
  const { stdin: input, stdout: output } = process;
  if (!input.isTTY || !output.isTTY) return undefined;
  return async (question) => {
    const terminal = createInterface({ input, output });
    // Ctrl-D is no.
    const ended = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
    const answer = await Promise.race([terminal.question(question), ended]);
    terminal.close();
    return /^y(es)?$/i.test(answer.trim());
  };
}
