import { beforeEach, expect, test } from "bun:test";
import { LossWatch } from "../../../../agent/kafka/connection/lost-client.ts";
import type { BrokerStatistics } from "../../../../agent/kafka/connection/statistics.ts";

let tries = 0;
let losses = 0;
let another: () => Promise<void>;
let watch: LossWatch;

beforeEach(() => {
  tries = 0;
  losses = 0;
  another = async () => undefined;
  const connectAnother = () => {
    tries++;
    return another();
  };
  const log = { debug: () => undefined, warn: () => undefined };
  watch = new LossWatch(connectAnother, log, () => losses++);
});

function broker(state: string, rx: number, source = "learned"): BrokerStatistics[string] {
  return { source, state, disconnects: 0, rx };
}

/** So many looks; what was begun at one of them is over before the next. */
async function look(looks: number, brokers: (at: number) => BrokerStatistics): Promise<void> {
  for (let at = 1; at <= looks; at++) {
    watch.look(brokers(at));
    for (let turns = 0; turns < 5; turns++) await Promise.resolve();
  }
}

const alone = () => ({ a: broker("TRY_CONNECT", 5) });

test("a client that reaches nobody for six looks, and for three more when a new one gets through, is lost", async () => {
  await look(1, () => ({ a: broker("UP", 5) }));
  await look(5, alone);
  expect(tries).toBe(0);
  await look(3, alone);
  expect({ tries, losses }).toEqual({ tries: 1, losses: 0 });
  await look(1, alone);
  expect({ tries, losses }).toEqual({ tries: 1, losses: 1 });
});

test("in an outage a new one is tried at every sixth look, and nothing is lost", async () => {
  another = () => Promise.reject(new Error("refused"));
  await look(1, () => ({ a: broker("UP", 5) }));
  await look(32, alone);
  expect({ tries, losses }).toEqual({ tries: 5, losses: 0 });
});

test("answers now and then are enough, and so is a connection without any", async () => {
  await look(60, (at) => ({ a: broker("CONNECT", Math.floor(at / 5)) }));
  await look(60, () => ({ a: broker("DOWN", 12), b: broker("UP", 0) }));
  expect(tries).toBe(0);
});

test("the coordinator's connection does not count", async () => {
  await look(9, (at) => ({ a: broker("INIT", 0), c: broker("UP", at, "logical") }));
  expect(losses).toBe(1);
});

test("without any broker it is lost, too", async () => {
  await look(9, () => ({}));
  expect(losses).toBe(1);
});

test("a client that finds back while a new one is tried, or a little later, is kept", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  another = () => promise;
  await look(1, () => ({ a: broker("UP", 5) }));
  await look(7, alone);
  await look(1, () => ({ a: broker("UP", 6) }));
  resolve();
  await look(20, () => ({ a: broker("UP", 6) }));
  await look(8, () => ({ a: broker("TRY_CONNECT", 6) }));
  await look(1, () => ({ a: broker("UP", 7) }));
  await look(5, () => ({ a: broker("TRY_CONNECT", 7) }));
  expect({ tries, losses }).toEqual({ tries: 2, losses: 0 });
});
