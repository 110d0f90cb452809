import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { AgentError } from "../../../agent/lib/errors.ts";
import { isPermanent, pause, retry } from "../../../agent/lib/retry.ts";
import { Troubles } from "../../../agent/lib/troubles.ts";

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** Lets everything run that is due now. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

/** Lets everything run that is due within `times` minutes. */
async function passTime(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await settle();
    jest.advanceTimersByTime(60_000);
  }
}

function recordingLog() {
  const lines: string[] = [];
  return {
    lines,
    troubles: new Troubles(),
    warn: (message: string) => void lines.push(`WARN ${message}`),
    info: (message: string) => void lines.push(`INFO ${message}`),
  };
}

/** Fails with each of the reasons, then succeeds. */
function failing(...reasons: string[]): () => Promise<string> {
  const left = [...reasons];
  return async () => {
    const reason = left.shift();
    if (reason !== undefined) throw new Error(reason);
    return "done";
  };
}

describe("retry", () => {
  test("gives the result at once, and logs nothing, when the first try succeeds", async () => {
    const log = recordingLog();
    const signal = new AbortController().signal;
    expect(await retry({ what: "reading", signal, log }, failing())).toBe("done");
    expect(log.lines).toEqual([]);
  });

  test("tries until it works, and logs a trouble once for each reason and once when it is over", async () => {
    const log = recordingLog();
    const signal = new AbortController().signal;
    const result = retry({ what: "reading", signal, log }, failing("away", "away", "away", "slow", "slow"));
    await passTime(6);
    expect(await result).toBe("done");
    expect(log.lines).toEqual([
      "WARN reading: away; trying again until it works",
      "WARN reading: slow; trying again until it works",
      "INFO reading: works again",
    ]);
  });

  test("waits longer each time, up to a bound, never in step with others", async () => {
    const delays: number[] = [];
    const log = recordingLog();
    const setTimeoutOf = globalThis.setTimeout;
    const spy = jest.spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, ms?: number) => {
      delays.push(ms ?? 0);
      return setTimeoutOf(run, ms);
    }) as typeof setTimeout);
    const signal = new AbortController().signal;
    const result = retry({ what: "reading", signal, log }, failing(...Array<string>(12).fill("away")));
    await passTime(13);
    expect(await result).toBe("done");
    spy.mockRestore();
    expect(delays.length).toBe(12);
    delays.forEach((delay, at) => {
      const whole = Math.min(200 * 2 ** at, 10_000);
      expect(delay).toBeGreaterThanOrEqual(whole * 0.5);
      expect(delay).toBeLessThanOrEqual(whole * 1.5);
    });
  });

  test("ends with the error when it is told to give up on that one", async () => {
    const log = recordingLog();
    const refused = new AgentError("the login was refused", "permanent");
    const attempt = async () => {
      throw refused;
    };
    const options = { what: "connecting", signal: new AbortController().signal, giveUp: isPermanent, log };
    expect(await retry(options, attempt).catch((error: unknown) => error)).toBe(refused);
    expect(log.lines).toEqual([]);
  });

  test("shows a trouble with its latest reason for as long as it lasts, and no longer", async () => {
    const log = recordingLog();
    const abort = new AbortController();
    const options = { what: "reading", signal: abort.signal, log };
    const open = () => [...log.troubles.open].map(({ what, reason }) => `${what}: ${reason}`);
    const result = retry(options, failing("away", ...Array<string>(30).fill("slow")));
    await settle();
    expect(open()).toEqual(["reading: away"]);
    const since = [...log.troubles.open][0]?.since;
    jest.advanceTimersByTime(60_000);
    await settle();
    expect(open()).toEqual(["reading: slow"]);
    expect([...log.troubles.open][0]?.since).toBe(since as Date);
    await passTime(10);
    await result;
    expect(open()).toEqual([]);

    const stopped = retry(options, failing("away")).catch(() => undefined);
    await settle();
    expect(open()).toEqual(["reading: away"]);
    abort.abort();
    await stopped;
    expect(open()).toEqual([]);
  });

  test("a trouble is over as soon as the attempt says that it works", async () => {
    const log = recordingLog();
    const signal = new AbortController().signal;
    let attempts = 0;
    let end = () => undefined as undefined;
    const result = retry({ what: "reading", signal, log }, async (works) => {
      if (attempts++ === 0) throw new Error("away");
      works();
      await new Promise<undefined>((resolve) => {
        end = () => void resolve(undefined);
      });
    });
    await passTime(1);
    await settle();
    expect([attempts, log.troubles.open.size]).toEqual([2, 0]);
    end();
    await result;
  });

  test("ends with the error when the signal fires while it waits", async () => {
    const abort = new AbortController();
    const options = { what: "connecting", signal: abort.signal, log: recordingLog() };
    const result = retry(options, failing("first", "second", "third")).catch((error: unknown) => error);
    await settle();
    abort.abort();
    expect(await result).toEqual(new Error("first"));
  });

  test("does not wait at all when the signal has fired before", async () => {
    const options = { what: "connecting", signal: AbortSignal.abort(), log: recordingLog() };
    expect(await retry(options, failing("away")).catch((error: unknown) => error)).toEqual(new Error("away"));
  });
});

test("a pause ends at once when its signal fires, and leaves no timer behind", async () => {
  const abort = new AbortController();
  const paused = pause(1_000_000, abort.signal);
  expect(jest.getTimerCount()).toBe(1);
  abort.abort();
  await paused;
  expect(jest.getTimerCount()).toBe(0);
  await pause(1_000_000, abort.signal);
});

test("permanent is only what the agent itself has called so", () => {
  expect(isPermanent(new AgentError("denied", "permanent"))).toBe(true);
  expect(isPermanent(new AgentError("away", "retryable"))).toBe(false);
  expect(isPermanent(new AgentError("fenced", "fatal"))).toBe(false);
  expect(isPermanent(new Error("denied"))).toBe(false);
  expect(isPermanent("denied")).toBe(false);
});
