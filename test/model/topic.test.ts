import { readerSuite } from "../conformance/reader.ts";
import { numbered } from "../support/numbered.ts";
import { Random } from "../support/random.ts";
import { takeTurns } from "./clockwork.ts";
import { SimulatedTopic } from "./topic.ts";
import { Process, Turns } from "./turns.ts";

readerSuite("the model's reader", async () => {
  const random = new Random(1);
  const turns = new Turns(random);
  const topic = new SimulatedTopic(2);
  const running = takeTurns(turns);
  return {
    open: (from) => topic.open(new Process("one"), turns, random, from),
    produce: async (partition, count) => {
      for (const record of numbered(topic.high(partition), count)) topic.append(partition, record);
    },
    expire: async (partition, before) => topic.expire(partition, before),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
});
