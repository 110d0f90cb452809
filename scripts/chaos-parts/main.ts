/** main.ts FOLDER EXECUTABLE [OPTION...]: see the head of scripts/chaos. */

import { rmSync } from "node:fs";
import { runChaos } from "./chaos.ts";
import { faults } from "./faults.ts";
import { openWriters } from "./generator-draw.ts";
import { type ChaosOptions, parseOptions } from "./options.ts";
import { disksIn } from "./stage.ts";
import { exitCodeOf, summaryOf } from "./verdict.ts";

const options = readOptions();
endWithParent(options.folder);
// Of a timer, say: a run that cannot watch any more proves nothing. scripts/chaos takes away what is left.
process.on("uncaughtException", (error) => {
  console.error(error, `\nscripts/chaos: it failed itself; seed ${options.seed}`);
  process.exit(3);
});
console.log(`seed ${options.seed}`);
const results = await runChaos(options, (line) => console.log(line));
console.log(`\n${summaryOf(results)}`);
process.exit(exitCodeOf(results));

function readOptions(): ChaosOptions {
  try {
    return parseOptions(process.argv.slice(2), [...faults.map(({ name }) => name), openWriters]);
  } catch (error) {
    console.error(`scripts/chaos: ${error instanceof Error ? error.message : error}`);
    process.exit(2);
  }
}

/** When scripts/chaos is killed, nobody else takes away what it has started. The broker sees to itself. */
function endWithParent(folder: string): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid === parent) return;
    for (const disk of disksIn(folder)) Bun.spawnSync(["umount", "-l", disk], { stderr: "ignore" });
    rmSync(folder, { recursive: true, force: true });
    // The whole process group: agents and links.
    process.kill(-process.pid, "SIGKILL");
  }, 1000).unref();
}
