/** Lets a simulated part be used as the real one is: whoever waits for a turn gets it, in the order that the seed says. */
import type { Turns } from "./turns.ts";

export function takeTurns(turns: Turns): AsyncDisposable {
  let isOver = false;
  const run = async () => {
    while (!isOver) if (!(await turns.step())) await new Promise((resolve) => setImmediate(resolve));
  };
  const running = run();
  return {
    [Symbol.asyncDispose]: () => {
      isOver = true;
      return running;
    },
  };
}
