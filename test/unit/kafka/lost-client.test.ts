import { beforeEach, expect, test } from "bun:test";
import { LostClientWatch } from "../../../agent/kafka/lost-client.ts";
import type { BrokerStatistics } from "../../../agent/kafka/statistics.ts";

let tries = 0;
let losses = 0;
let another: () => Promise<void>;
let watch: LostClientWatch;

beforeEach(() => {
  tries = 0;
  losses = 0;
  another = async () => undefined;
  const connectAnother = () => {
    tries++;
    return another();
  };
  const log = { debug: () => undefined, warn: () => undefined };
  watch = new LostClientWatch(connectAnother, log, () => losses++);
});

function broker(state: string, rx: number, source = "learned"): BrokerStatistics[string] {
  return { source, state, disconnects: 0, rx };
}

/** What is said every ten seconds from `fromS` until `toS`. */
async function say(fromS: number, toS: number, brokers: (second: number) => BrokerStatistics): Promise<void> {
  for (let second = fromS; second <= toS; second += 10) {
    watch.look(brokers(second), second * 1000);
    await Promise.resolve();
    await Promise.resolve();
  }
}

test("a client that reaches nobody for a minute is lost when a new one gets through", async () => {
  await say(0, 0, () => ({ a: broker("UP", 5) }));
  await say(10, 60, () => ({ a: broker("TRY_CONNECT", 5) }));
  expect(tries).toBe(0);
  await say(70, 70, () => ({ a: broker("TRY_CONNECT", 5) }));
  expect({ tries, losses }).toEqual({ tries: 1, losses: 1 });
});

test("in an outage a new one is tried once a minute, and nothing is lost", async () => {
  another = () => Promise.reject(new Error("refused"));
  await say(0, 300, () => ({ a: broker("TRY_CONNECT", 0) }));
  expect({ tries, losses }).toEqual({ tries: 5, losses: 0 });
});

test("answers now and then are enough, and so is a connection without any", async () => {
  await say(0, 600, (second) => ({ a: broker("CONNECT", Math.floor(second / 50)) }));
  await say(610, 1200, () => ({ a: broker("DOWN", 12), b: broker("UP", 0) }));
  expect(tries).toBe(0);
});

test("the coordinator's connection does not count", async () => {
  await say(0, 60, (second) => ({ a: broker("INIT", 0), c: broker("UP", second, "logical") }));
  expect(losses).toBe(1);
});

test("without any broker it is lost, too", async () => {
  await say(0, 60, () => ({}));
  expect(losses).toBe(1);
});

test("a client that finds back while a new one is tried is kept", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  another = () => promise;
  await say(0, 60, () => ({ a: broker("TRY_CONNECT", 0) }));
  await say(70, 70, () => ({ a: broker("UP", 1) }));
  resolve();
  await promise;
  await say(80, 80, () => ({ a: broker("UP", 1) }));
  expect({ tries, losses }).toEqual({ tries: 1, losses: 0 });
});
