import { expect, test } from "bun:test";
import { LossCounter } from "../../../../agent/kafka/connection/lost-connections.ts";
import { type BrokerStatistics, readStatistics } from "../../../../agent/kafka/connection/statistics.ts";

/** By broker: how often its connection was lost, and how many answers came from it. */
function statistics(counts: Record<string, [disconnects: number, rx: number]>): BrokerStatistics {
  const brokers = Object.entries(counts).map(([name, [disconnects, rx]]) => [
    name,
    { name, source: "learned", state: "UP", disconnects, connects: disconnects + 1, rx },
  ]);
  const all = { name: "rdkafka#producer-1", brokers: Object.fromEntries(brokers), topics: {} };
  return readStatistics(JSON.stringify(all)).brokers;
}

test("names the brokers whose connection was lost since the call before", () => {
  const counter = new LossCounter();
  expect([...counter.lost(statistics({ a: [0, 5], b: [2, 5] }))]).toEqual(["b"]);
  expect([...counter.lost(statistics({ a: [1, 9], b: [2, 9], c: [1, 1] }))]).toEqual(["a", "c"]);
  expect([...counter.lost(statistics({ a: [1, 11], b: [2, 11], c: [1, 1] }))]).toEqual([]);
});

test("a connection that never answered is not lost", () => {
  const counter = new LossCounter();
  expect([...counter.lost(statistics({ a: [1, 5] }))]).toEqual(["a"]);
  expect([...counter.lost(statistics({ a: [5, 5] }))]).toEqual([]);
  expect([...counter.lost(statistics({ a: [9, 5] }))]).toEqual([]);
  expect([...counter.lost(statistics({ a: [9, 7] }))]).toEqual([]);
  expect([...counter.lost(statistics({ a: [10, 7] }))]).toEqual(["a"]);
});

test("partitions that are read and have no leader are named, others are not, and so is which topic it is, where that is known", () => {
  const partitions = {
    "-1": { desired: false, leader: -1 },
    "0": { desired: true, leader: 1 },
    "1": { desired: true, leader: -1 },
    "2": { desired: false, leader: -1 },
  };
  const topics = { files: { topic_id: "one", partitions }, empty: { topic_id: "", partitions: {} } };
  const { leaderless, topicIds } = readStatistics(JSON.stringify({ brokers: {}, topics }));
  expect(leaderless).toEqual(["topic files, partition 1"]);
  expect([...topicIds]).toEqual([["files", "one"]]);
});

test("refuses what are no statistics", () => {
  expect(() => readStatistics("{}")).toThrow();
});
