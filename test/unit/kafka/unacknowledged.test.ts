import { beforeEach, expect, test } from "bun:test";
import { codes, kafkaError } from "../../../agent/kafka/errors.ts";
import type { TopicInspection } from "../../../agent/kafka/topics/inspect.ts";
import { explainUnwritable, Unacknowledged } from "../../../agent/kafka/unacknowledged.ts";
import { Troubles } from "../../../agent/lib/troubles.ts";

let lines: string[];
let found: TopicInspection | undefined | Error;
let isAnswered = true;
let troubles: Troubles;
let unacknowledged: Unacknowledged;

beforeEach(() => {
  lines = [];
  found = topic();
  troubles = new Troubles();
  const say = (message: string) => lines.push(message);
  unacknowledged = new Unacknowledged(
    async () => {
      if (found instanceof Error) throw found;
      return found;
    },
    async () => isAnswered,
    { warn: say, info: say, troubles },
  );
});

function topic(more: Partial<TopicInspection> = {}, least = "2"): TopicInspection {
  return {
    topic: {
      name: "files",
      id: "id",
      partitions: 2,
      maxMessageBytes: 1_048_588,
      settings: new Map([["min.insync.replicas", least]]),
    },
    replicas: 3,
    leaderless: [],
    behind: [],
    rights: undefined,
    ...more,
  };
}

const short = { behind: [{ partition: 0, replicas: 3, inSync: 1, out: [2, 3] }] };

/** A record that has waited so long. */
function waiting(ms: number) {
  return { topic: "files", partition: 0, sinceMs: performance.now() - ms };
}

function open(): string[] {
  return [...troubles.open].map(({ reason }) => reason);
}

test("too few replicas in sync, or no leader, is why a partition can't be written to; fewer than all is not", () => {
  expect(explainUnwritable(topic(short), 0)).toBe(
    "topic files, partition 0 has 1 of 3 replicas in sync, min.insync.replicas is 2: start brokers 2, 3",
  );
  expect(explainUnwritable(topic(short), 1)).toBeUndefined();
  expect(explainUnwritable(topic(short, "1"), 0)).toBeUndefined();
  expect(explainUnwritable(topic({ leaderless: [0] }), 0)).toContain("has no leader");
  // Brokers from 3.7 on take the number of replicas where it is less.
  const alone = { replicas: 1, behind: [] };
  expect(explainUnwritable(topic(alone), 0)).toBeUndefined();
});

test("what waits for half a minute is said once, with the reason of now, and that it is over", async () => {
  found = topic(short);
  await unacknowledged.look(waiting(29_000));
  expect(lines).toEqual([]);
  await unacknowledged.look(waiting(31_000));
  await unacknowledged.look(waiting(41_000));
  expect(lines).toEqual([expect.stringContaining("1 of 3 replicas in sync")]);
  expect(open()).toEqual([expect.stringContaining("1 of 3 replicas in sync")]);
  found = topic({ leaderless: [0] });
  await unacknowledged.look(waiting(51_000));
  expect(open()).toEqual([expect.stringContaining("no leader")]);
  await unacknowledged.look(undefined);
  expect(lines.at(-1)).toBe("waiting for the brokers to store what was sent: works again");
  expect(open()).toEqual([]);
});

test("a slow link is no trouble, brokers that do not answer and a topic that is gone are", async () => {
  await unacknowledged.look(waiting(60_000));
  expect(lines).toEqual([]);
  found = kafkaError("looking up topic files", codes.timedOut);
  await unacknowledged.look(waiting(60_000));
  expect(lines).toEqual([]);
  isAnswered = false;
  await unacknowledged.look(waiting(60_000));
  expect(open()).toEqual([expect.stringContaining("do not answer")]);
  found = kafkaError("looking up topic files", codes.topicAuthorization);
  await unacknowledged.look(waiting(60_000));
  expect(open()).toEqual([expect.stringContaining("deny this user the topic")]);
  found = undefined;
  await unacknowledged.look(waiting(60_000));
  expect(open()).toEqual(["topic files is not there any more"]);
  expect(lines.length).toBe(3);
});
