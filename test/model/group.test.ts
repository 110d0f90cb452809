import { groupSuite } from "../conformance/group.ts";
import { numbered } from "../support/numbered.ts";
import { Random } from "../support/random.ts";
import { takeTurns } from "./clockwork.ts";
import { SimulatedGroup } from "./group.ts";
import { SimulatedTopic } from "./topic.ts";
import { Process, Turns } from "./turns.ts";

const longMs = 60_000;

groupSuite("the model's group", async () => {
  const random = new Random(1);
  const turns = new Turns(random);
  const topic = new SimulatedTopic(3);
  const group = new SimulatedGroup(topic, turns, random, () => undefined, {});
  const running = takeTurns(turns);
  return {
    partitions: topic.partitions,
    join: async (instance) => {
      const process = new Process(instance);
      return {
        group: await group.join(process, instance),
        cut: async () => {
          process.frozen = true;
          group.expelSilent();
          turns.nowMs += longMs;
          group.expelSilent();
        },
        mend: async () => {
          process.frozen = false;
        },
      };
    },
    produce: async (partition, count) => {
      for (const record of numbered(topic.high(partition), count)) topic.append(partition, record);
    },
    expire: async (partition, before) => topic.expire(partition, before),
    rebalance: () => group.rebalance(),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
});
