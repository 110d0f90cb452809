/**
 * A process, told from every other one that ever ran: after a kill -9 whoever comes next on the same machine can tell that the
 * one before has ended, without waiting for an answer.
 */
import { readFileSync, statSync } from "node:fs";
import { uptime } from "node:os";
import { codeOf } from "./errors.ts";

/** `BOOT PID-NAMESPACE PID START`; undefined where /proc can't be read. */
export function thisProcess(): string | undefined {
  try {
    return [...machine(), process.pid, startOf(process.pid)].join(" ");
  } catch {
    return undefined;
  }
}

/**
 * Whether the process has ended, for certain. False also when it can't be told: it is on another machine, of before this one
 * was started, or of another container.
 */
export function hasEnded(other: string): boolean {
  const [boot, namespace, pid, start] = other.split(" ");
  try {
    const [ourBoot, ourNamespace] = machine();
    if (boot !== ourBoot || namespace !== ourNamespace || !/^[1-9]\d*$/.test(pid ?? "")) return false;
    if (!exists(Number(pid))) return true;
    return startOf(Number(pid)) !== start;
  } catch {
    // Another user's, where /proc does not show those.
    return false;
  }
}

/** How long the machine has run, also while it slept; milliseconds, to the second. */
export function machineUpMs(): number {
  return uptime() * 1000;
}

/** Which start of the machine this is, for `machineUpMs`; undefined where /proc can't be read. */
export function thisBoot(): string | undefined {
  try {
    // A container may have a start of its own.
    return `${readBootId()} ${statSync("/proc/self/ns/time", { throwIfNoEntry: false })?.ino ?? ""}`;
  } catch {
    return undefined;
  }
}

function machine(): readonly [boot: string, pidNamespace: string] {
  return [readBootId(), String(statSync("/proc/self/ns/pid").ino)];
}

function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/** In clock ticks since the machine's start; a zombie has ended. Throws what the system says. */
function startOf(pid: number): string {
  // pid (name, with blanks and brackets) state ppid ... starttime is the 22nd: proc(5).
  const [state, ...rest] = afterName(readFileSync(`/proc/${pid}/stat`, "utf8"));
  return state === "Z" ? "ended" : (rest[18] ?? "");
}

function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
