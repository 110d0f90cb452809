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
  const now = { isReady: false, isStopping: false };
  let heard = { ...now, status: "" };
  const tick = () => {
    const status = now.isStopping ? "finishing what is under way" : statusOf(observer);
    const lines = [
      ...(now.isReady && !heard.isReady ? ["READY=1"] : []),
      ...(now.isStopping && !heard.isStopping ? ["STOPPING=1"] : []),
      ...(status === heard.status ? [] : [`STATUS=${status}`]),
      ...(now.isReady && watchdogMs > 0 ? ["WATCHDOG=1"] : []),
    ];
    // What was not taken is said again with the next: systemd waits for a READY=1 that it has missed without end.
    if (lines.length > 0 && send(lines.join("\n"))) heard = { ...now, status };
  };
  tick();
  // Twice as often as it has to be, and once more.
  const timer = setInterval(tick, watchdogMs > 0 ? Math.min(statusMs, watchdogMs / 3) : statusMs);
  return {
    ready: () => {
      if (now.isReady) return;
      now.isReady = true;
      tick();
    },
    stopping: () => {
      now.isStopping = true;
      tick();
    },
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
