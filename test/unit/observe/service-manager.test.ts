import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { Troubles } from "../../../agent/lib/troubles.ts";
import { Observer } from "../../../agent/observe/observer.ts";
import { serviceManagerOf, statusOf } from "../../../agent/observe/service-manager.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const observerOf = (troubles = new Troubles()) =>
  new Observer({ role: "uploader", name: "till", version: "", host: "", troubles });

/** Started by systemd with these variables; `said` has what it was told, and it is told nothing while `systemd` is behind. */
function started(environment: Record<string, string | undefined> = {}) {
  const said: string[] = [];
  const given: Record<string, string | undefined> = { NOTIFY_SOCKET: "/run/systemd/notify", ...environment };
  const observer = observerOf();
  const systemd = { isBehind: false };
  const manager = serviceManagerOf(given, observer, () => (lines) => {
    if (!systemd.isBehind) said.push(...lines.split("\n"));
    return !systemd.isBehind;
  });
  return { said, given, observer, manager, systemd };
}

test("without systemd nothing is opened, and nothing is said", () => {
  const manager = serviceManagerOf({}, observerOf(), () => {
    throw new Error("it was opened");
  });
  manager.ready();
  manager.stopping();
  manager.end();
});

test("what the agent starts is not the service", () => {
  const { given } = started({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1", PATH: "/bin" });
  expect(given).toEqual({ PATH: "/bin" });
});

test("it says what it does while it starts, that it is ready once, and that it stops", () => {
  const { said, observer, manager } = started();
  expect(said).toEqual(["STATUS=starting"]);
  observer.phase = "connecting to Kafka";
  jest.advanceTimersByTime(20_000);
  expect(said.slice(1)).toEqual(["STATUS=connecting to Kafka"]);
  observer.phase = undefined;
  manager.ready();
  manager.ready();
  expect(said.slice(2)).toEqual(["READY=1", "STATUS=at work, no file yet"]);
  manager.stopping();
  jest.advanceTimersByTime(20_000);
  expect(said.slice(4)).toEqual(["STOPPING=1", "STATUS=finishing what is under way"]);
});

test("what systemd does not take as it is behind is said again", () => {
  const { said, observer, manager, systemd } = started();
  systemd.isBehind = true;
  observer.phase = undefined;
  manager.ready();
  systemd.isBehind = false;
  jest.advanceTimersByTime(10_000);
  expect(said.slice(1)).toEqual(["READY=1", "STATUS=at work, no file yet"]);
  systemd.isBehind = true;
  manager.stopping();
  systemd.isBehind = false;
  jest.advanceTimersByTime(10_000);
  expect(said.slice(3)).toEqual(["STOPPING=1", "STATUS=finishing what is under way"]);
});

test("the watchdog is fed three times in its time, from when it is ready until the end", () => {
  const { said, manager } = started({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: `${process.pid}` });
  const fed = () => said.filter((line) => line === "WATCHDOG=1").length;
  jest.advanceTimersByTime(10_000);
  expect(fed()).toBe(0);
  manager.ready();
  expect(fed()).toBe(1);
  jest.advanceTimersByTime(3000);
  expect(fed()).toBe(4);
  manager.end();
  jest.advanceTimersByTime(10_000);
  expect(fed()).toBe(4);
});

test("another process's watchdog is not fed", () => {
  const { said, manager } = started({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "1" });
  manager.ready();
  jest.advanceTimersByTime(30_000);
  expect(said).not.toContain("WATCHDOG=1");
});

test("what is said is one line: why it can't go on, else what it has done", () => {
  const troubles = new Troubles();
  const observer = observerOf(troubles);
  observer.phase = undefined;
  observer.done("sent", "a.txt");
  observer.done("sent", "b.txt");
  observer.failed("failed", "c.txt", "no right to read it");
  expect(statusOf(observer)).toBe("files: 2 sent, 1 failed");
  troubles.begin("sending", "no broker\ncan be reached");
  expect(statusOf(observer)).toBe("sending: no broker\\x0acan be reached");
});
