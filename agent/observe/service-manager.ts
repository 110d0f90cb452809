/**
 * What systemd is told of the agent, where it was started by a unit of `Type=notify`: that it is ready, what it does, and, for the
 * watchdog, that it is alive. The latter comes from the event loop, which everything here goes through: waiting for a broker or for room
 * is a turn of it as well, and a slow disk does not stop it. See sd_notify(3).
 */
import { openNotifySocket } from "../lib/notify-socket.ts";
import { printable } from "../lib/printable.ts";
import type { Observer } from "./observer.ts";

/** How often is said what it does, if that has changed, milliseconds. */
const statusMs = 5000;
/** A status is one line on a screen. */
const longestStatus = 500;

export interface ServiceManager {
  /** It is connected, and knows what the ledger says. */
  ready(): void;
  /** It has been told to stop. */
  stopping(): void;
  /** Nothing is said from now on. */
  end(): void;
}

const nobody: ServiceManager = { ready: () => undefined, stopping: () => undefined, end: () => undefined };

/**
 * @param environment its variables are taken out: what the agent starts is not the service
 * @param open for the tests
 */
export function serviceManagerOf(
  environment: Record<string, string | undefined>,
  observer: Observer,
  open = openNotifySocket,
): ServiceManager {
  const { NOTIFY_SOCKET: address = "", WATCHDOG_USEC: watchdogUs, WATCHDOG_PID: watched } = environment;
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const) delete environment[name];
  const send = address === "" ? undefined : open(address);
  if (!send) return nobody;
  const watchdogMs = (watched ?? `${process.pid}`) === `${process.pid}` ? Number(watchdogUs ?? 0) / 1000 : 0;
  let isReady = false;
  let said = "";
  const tick = () => {
    const status = statusOf(observer);
    const lines = [
      ...(status === said ? [] : [`STATUS=${status}`]),
      ...(isReady && watchdogMs > 0 ? ["WATCHDOG=1"] : []),
    ];
    said = status;
    if (lines.length > 0) send(lines.join("\n"));
  };
  tick();
  // Twice as often as it has to be, and once more.
  const timer = setInterval(tick, watchdogMs > 0 ? Math.min(statusMs, watchdogMs / 3) : statusMs);
  return {
    ready: () => {
      if (isReady) return;
      isReady = true;
      send("READY=1");
      tick();
    },
    stopping: () => send("STOPPING=1\nSTATUS=finishing what is under way"),
    end: () => clearInterval(timer),
  };
}

/** What it waits for, or what it has done. */
export function statusOf(observer: Observer): string {
  const reasons = observer.notReady();
  const text = reasons.length > 0 ? reasons.join("; ") : workOf(observer);
  return printable(text).slice(0, longestStatus);
}

function workOf(observer: Observer): string {
  const { moving, waiting, sent, delivered, failed } = observer.report();
  const parts = [
    count(moving.count, "under way"),
    count(waiting, "waiting"),
    count(sent?.count ?? 0, "sent"),
    count(delivered.count, "delivered"),
    count(failed.count, "failed"),
  ].filter((part) => part !== "");
  return parts.length > 0 ? `files: ${parts.join(", ")}` : "at work, no file yet";
}

function count(of: number, what: string): string {
  return of > 0 ? `${of} ${what}` : "";
}
