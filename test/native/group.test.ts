import { afterAll, beforeAll, expect, test } from "bun:test";
import type RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { sharedKafka } from "../support/kafka.ts";
import { waitUntil } from "../support/wait.ts";
import {
  type Consumer,
  call,
  connectConsumer,
  connectProducer,
  consume,
  consumeAll,
  createTopic,
  disconnect,
  errorCode,
  type Producer,
  type Properties,
  produceAll,
} from "./client.ts";

const assign = -175; // ERR__ASSIGN_PARTITIONS
const unknownMember = 25; // ERR_UNKNOWN_MEMBER_ID

let bootstrap: string;
let producer: Producer;

beforeAll(async () => {
  ({ bootstrap } = await sharedKafka());
  producer = await connectProducer(bootstrap);
});

afterAll(() => disconnect(producer));

interface Member {
  consumer: Consumer;
  /** What the group has said so far. */
  told: { what: "assigned" | "revoked"; partitions: number[]; lost: boolean }[];
}

async function join(group: string, topic: string, properties: Properties = {}): Promise<Member> {
  const told: Member["told"] = [];
  const consumer: Consumer = await connectConsumer(bootstrap, {
    "group.id": group,
    "auto.offset.reset": "earliest",
    "session.timeout.ms": 6000,
    ...properties,
    rebalance_cb: (error: RdKafka.LibrdKafkaError, partitions: RdKafka.TopicPartition[]) => {
      const lost = consumer.assignmentLost();
      const assigned = error.code === assign;
      told.push({
        what: assigned ? "assigned" : "revoked",
        partitions: partitions.map(({ partition }) => partition),
        lost,
      });
      if (cooperative) {
        if (assigned) consumer.incrementalAssign(partitions);
        else consumer.incrementalUnassign(partitions);
      } else if (assigned) consumer.assign(partitions);
      else consumer.unassign();
    },
  });
  const cooperative = properties["partition.assignment.strategy"] === "cooperative-sticky";
  consumer.subscribe([topic]);
  return { consumer, told };
}

/** Lets the members take part in their group until each owns as many partitions as given. */
function settle(...members: [Member, number][]): Promise<unknown> {
  return waitUntil(`the members own ${members.map(([, count]) => count)}`, async () => {
    await Promise.all(members.map(([{ consumer }]) => consume(consumer)));
    return members.every(([{ consumer }, count]) => consumer.assignments().length === count);
  });
}

async function newTopic(): Promise<string> {
  const topic = crypto.randomUUID();
  await createTopic(producer, topic, 4);
  return topic;
}

const commit = ({ consumer }: Member, offsets: RdKafka.TopicPartitionOffset[]) =>
  call((done) => consumer.getClient().commitAndWait(offsets, 10_000, done));

test.each(["range", "cooperative-sticky"])(
  "%s: partitions move when a member comes and goes",
  async (strategy) => {
    const topic = await newTopic();
    const properties = { "partition.assignment.strategy": strategy };
    const first = await join("moves-".concat(strategy), topic, properties);
    await settle([first, 4]);
    expect(first.consumer.rebalanceProtocol()).toBe(strategy === "range" ? "EAGER" : "COOPERATIVE");
    const second = await join("moves-".concat(strategy), topic, properties);
    await settle([first, 2], [second, 2]);
    const all = [...first.consumer.assignments(), ...second.consumer.assignments()];
    expect(all.map(({ partition }) => partition).sort()).toEqual([0, 1, 2, 3]);

    const gone = disconnect(second.consumer);
    await settle([first, 4]);
    await gone;
    expect(second.told.at(-1)).toMatchObject({ what: "revoked", lost: false });
    await disconnect(first.consumer);
  },
);

test("a member starts where its group has committed", async () => {
  const topic = await newTopic();
  await produceAll(producer, topic, ["a", "b", "c"]);
  const before = await join("resumes", topic);
  await settle([before, 4]);
  await commit(before, [{ topic, partition: 0, offset: 2 }]);
  await disconnect(before.consumer);

  const after = await join("resumes", topic);
  const [third] = await consumeAll(after.consumer, 1);
  expect(third?.offset).toBe(2);
  await disconnect(after.consumer);
});

test("who is no member is told so by commitAndWait", async () => {
  const topic = await newTopic();
  const member = await join("closed", topic);
  await settle([member, 4]);
  const stranger = await connectConsumer(bootstrap, { "group.id": "closed" });
  const offsets = [{ topic, partition: 0, offset: 0 }];
  expect(await errorCode(commit({ consumer: stranger, told: [] }, offsets))).toBe(unknownMember);
  await commit(member, offsets);
  await Promise.all([disconnect(stranger), disconnect(member.consumer)]);
});

test("a member that did not consume for too long has lost its partitions, is told, and gets them again", async () => {
  const topic = await newTopic();
  const member = await join("sleeps", topic, { "max.poll.interval.ms": 6000 });
  await settle([member, 4]);
  let refused = 0;
  await waitUntil("the group has thrown it out", async () => {
    refused = await commit(member, [{ topic, partition: 0, offset: 0 }]).then(
      () => 0,
      (error) => error.code,
    );
    return refused !== 0;
  });
  expect(refused).toBe(unknownMember);
  expect(await errorCode(consume(member.consumer))).toBe(-147); // ERR__MAX_POLL_EXCEEDED
  await waitUntil("it is told", async () => {
    await consume(member.consumer);
    return member.told.some(({ lost }) => lost);
  });
  await settle([member, 4]);
  await disconnect(member.consumer);
});

test("a client that is disconnected refuses to commit", async () => {
  const consumer = await connectConsumer(bootstrap);
  await disconnect(consumer);
  const offsets = [{ topic: "any", partition: 0, offset: 0 }];
  expect(await errorCode(commit({ consumer, told: [] }, offsets))).toBe(-172); // ERR__STATE
});
