import { beforeEach, expect, test } from "bun:test";
import { HungBrokers } from "../../../../agent/kafka/connection/hung-brokers.ts";
import type { BrokerStatistics } from "../../../../agent/kafka/connection/statistics.ts";
import { Troubles } from "../../../../agent/lib/troubles.ts";

const second = 1000;
/** The silence of a connection from which something has been due for six seconds, microseconds. */
const long = 6_000_000;

let nowMs: number;
let alarms: { atMs: number; ring: () => void }[];
/** After how long each broker answers; not named: never. */
let answerMs: Record<string, number>;
let asked: string[];
let givenUp: string[];
let said: string[];
let hung: HungBrokers;

beforeEach(() => {
  nowMs = 0;
  alarms = [];
  [answerMs, asked, givenUp, said] = [{}, [], [], []];
  hung = brokersNamed(["a:1"]);
});

function brokersNamed(named: readonly string[]): HungBrokers {
  return new HungBrokers({
    named,
    isAnswered: async (address) => {
      asked.push(address);
      const ms = answerMs[address] ?? Number.POSITIVE_INFINITY;
      await wait(Math.min(ms, 25 * second));
      return ms <= 25 * second;
    },
    giveUp: (address) => givenUp.push(address),
    log: { troubles: new Troubles(() => nowMs), warn: (message) => said.push(message) },
    time: {
      nowMs: () => nowMs,
      pause: (ms) => wait(ms),
    },
  });
}

function wait(ms: number): Promise<void> {
  return new Promise((ring) => alarms.push({ atMs: nowMs + ms, ring }));
}

/** A look, and all that comes of it until everybody has waited for what he waits for; gives how long it took. */
async function look(brokers: BrokerStatistics): Promise<number> {
  const begunMs = nowMs;
  let tookMs: number | undefined;
  const looked = hung.look(brokers).then(() => {
    tookMs = nowMs - begunMs;
  });
  while (tookMs === undefined) {
    for (let turns = 0; turns < 20; turns++) await Promise.resolve();
    if (tookMs !== undefined) break;
    alarms.sort((a, b) => a.atMs - b.atMs);
    const next = alarms.shift();
    if (!next) break;
    nowMs = next.atMs;
    next.ring();
  }
  await looked;
  return tookMs ?? Number.NaN;
}

function broker(nodename: string, silent: number, source = "learned"): BrokerStatistics[string] {
  return { source, state: "UP", disconnects: 0, rx: 5, nodename, silent };
}

const silentFirst = () => ({ 1: broker("a:1", long), 2: broker("b:2", 0), 3: broker("c:3", 0) });

test("a broker that is silent and does not answer while another does is given up, which is said once", async () => {
  answerMs = { "b:2": 10, "c:3": 20 };
  expect(await look(silentFirst())).toBe(5 * second);
  expect(givenUp).toEqual(["a:1"]);
  await look(silentFirst());
  expect(givenUp).toEqual(["a:1", "a:1"]);
  expect(said).toEqual(["broker a:1: it does not answer, and others do: what waits for it is asked of them"]);
});

test("one that answers is kept, however long a request waits there", async () => {
  answerMs = { "a:1": 4 * second, "b:2": 10, "c:3": 10 };
  await look(silentFirst());
  expect(givenUp).toEqual([]);
});

test("on a link that is slow for all, a broker has longer for its answer", async () => {
  answerMs = { "a:1": 19 * second, "b:2": 6 * second, "c:3": 5 * second };
  await look(silentFirst());
  expect(givenUp).toEqual([]);
});

test("where nobody answers, nobody is given up", async () => {
  await look(silentFirst());
  expect(asked.toSorted()).toEqual(["a:1", "b:2", "c:3"]);
  await look({ 1: broker("a:1", long), 2: broker("b:2", long), 3: broker("c:3", long) });
  expect(givenUp).toEqual([]);
});

test("the only broker is not even asked, nor one on whose connection anything has moved", async () => {
  await look({ 1: broker("a:1", long) });
  await look({ 1: broker("a:1", 4_900_000), 2: broker("b:2", 0) });
  expect(asked).toEqual([]);
});

test("one that was named, and is not among those that the client knows, can speak for the link", async () => {
  hung = brokersNamed(["a:1", "z:9"]);
  answerMs = { "z:9": 10 };
  await look({ 1: broker("a:1", long) });
  expect(givenUp).toEqual(["a:1"]);
});

test("the coordinator's connection is its broker's, and two that hang are each given up", async () => {
  answerMs = { "c:3": 10 };
  await look({ ...silentFirst(), 2: broker("b:2", long), coordinator: broker("a:1", long, "logical") });
  expect(givenUp.toSorted()).toEqual(["a:1", "b:2"]);
});

test("of a large cluster three others are asked, and while they are, a further look asks nobody", async () => {
  const others = Array.from({ length: 50 }, (_, at) => [at, broker(`other-${at}:9`, 0)]);
  const brokers = { ...Object.fromEntries(others), silent: broker("a:1", long) };
  const first = look(brokers);
  await hung.look(brokers);
  await first;
  expect(asked).toHaveLength(4);
});
