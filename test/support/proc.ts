/** What /proc tells of a process. */
import { readFileSync } from "node:fs";

/** Linux gives times in ticks of 10 ms to every program, whatever the kernel counts in (sysconf's _SC_CLK_TCK). */
const ticksPerSecond = 100;

/** User and system time since it was started. */
export function cpuSeconds(pid: number): number {
  return secondsOf(pid, [14, 15]);
}

/** The same with that of all processes that it has started and waited for, and of those that they have. */
export function cpuSecondsWithEnded(pid: number): number {
  return secondsOf(pid, [14, 15, 16, 17]);
}

/** @param fields numbered as in proc(5): utime, stime, cutime and cstime are 14 to 17 */
function secondsOf(pid: number, fields: readonly number[]): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may contain anything, comes field 3.
  const values = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.reduce((sum, field) => sum + Number(values[field - 3]), 0) / ticksPerSecond;
}

/** The most memory that was ever resident. */
export function peakBytes(pid: number): number {
  return memoryBytes(pid, "VmHWM");
}

/** The memory that is resident now. */
export function residentBytes(pid: number): number {
  return memoryBytes(pid, "VmRSS");
}

function memoryBytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const line = status.split("\n").find((one) => one.startsWith(`${field}:`));
  const kibibytes = Number(line?.replace(/\D/g, "") || Number.NaN);
  if (Number.isNaN(kibibytes)) throw new Error(`no ${field} of process ${pid}`);
  return kibibytes * 1024;
}
