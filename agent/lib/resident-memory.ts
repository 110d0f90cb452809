/** What the process has in memory, by proc_pid_statm(5). */
import { readFileSync } from "node:fs";
import { pageBytes } from "./native-memory.ts";

export interface ResidentMemory {
  /** All of it, bytes. */
  total: number;
  /** Heaps and stacks: what was written to. */
  own: number;
  /** The executable, libraries, and what was loaded into memory files: it is read from there again when it is let go of. */
  mapped: number;
}

/** undefined: there is no file handle left to read that by, or no /proc. */
export function residentMemory(): ResidentMemory | undefined {
  try {
    const [, resident = 0, shared = 0] = readFileSync("/proc/self/statm", "latin1").split(" ", 3).map(Number);
    return { total: resident * pageBytes, own: (resident - shared) * pageBytes, mapped: shared * pageBytes };
  } catch {
    return undefined;
  }
}
