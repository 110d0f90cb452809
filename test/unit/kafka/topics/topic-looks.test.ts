import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { codes, kafkaError } from "../../../../agent/kafka/errors.ts";
import { type FoundTopic, type FoundTopics, TopicLooks } from "../../../../agent/kafka/topics/topic-looks.ts";

const everyMs = 20_000;
/** Only its name is looked at here. */
const found = (name: string) => ({ name }) as FoundTopic;
const both: FoundTopics = new Map(["files", "ledger"].map((name) => [name, found(name)]));

/** What is asked, and the answers that are still owed. */
function makeBrokers() {
  const owed: PromiseWithResolvers<FoundTopics>[] = [];
  const brokers = {
    asked: 0,
    topics: () => {
      brokers.asked++;
      const answer = Promise.withResolvers<FoundTopics>();
      owed.push(answer);
      return answer.promise;
    },
    settings: async () => new Map(),
    answer: (topics: FoundTopics = both) => owed.shift()?.resolve(topics),
    fail: () => owed.shift()?.reject(kafkaError("looking up topic files", codes.transport)),
  };
  return brokers;
}

describe("what is asked of the brokers", () => {
  test("one request answers for both topics, also those who ask while it is under way", async () => {
    const brokers = makeBrokers();
    const looks = new TopicLooks(brokers, everyMs);
    const since = performance.now();
    const asking = [looks.topic("files", since), looks.topic("ledger", since)];
    brokers.answer();
    expect((await Promise.all(asking)).map((topic) => topic?.name)).toEqual(["files", "ledger"]);
    expect((await looks.topic("files", since))?.name).toBe("files");
    expect(brokers.asked).toBe(1);
  });

  test("nobody is served by what was asked before the time that they name", async () => {
    const brokers = makeBrokers();
    const looks = new TopicLooks(brokers, everyMs);
    const early = looks.topic("ledger", performance.now());
    const late = looks.topic("ledger", performance.now() + 1);
    brokers.answer(new Map());
    brokers.answer();
    expect(await early).toBeUndefined();
    expect((await late)?.name).toBe("ledger");
  });

  test("what is refused of one topic is an error for who wants that one, and for nobody else", async () => {
    const brokers = makeBrokers();
    const looks = new TopicLooks(brokers, everyMs);
    const refused = kafkaError("looking up topic files", codes.topicAuthorization);
    const asking = Promise.allSettled([looks.topic("files", 0), looks.topic("ledger", 0)]);
    brokers.answer(new Map<string, FoundTopic | typeof refused>([...both, ["files", refused]]));
    expect(await asking).toEqual([
      { status: "rejected", reason: refused },
      { status: "fulfilled", value: found("ledger") },
    ]);
  });

  test("after a failure the next one asks anew, whatever time it names", async () => {
    const brokers = makeBrokers();
    const looks = new TopicLooks(brokers, everyMs);
    const first = looks.topic("files", 0);
    brokers.fail();
    await expect(first).rejects.toThrow("looking up topic files");
    const second = looks.topic("files", 0);
    brokers.answer();
    expect((await second)?.name).toBe("files");
  });
});

describe("when it is asked", () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  /** How long each of the first waits is, with these numbers drawn. */
  async function waits(drawn: readonly number[]): Promise<number[]> {
    const left = [...drawn];
    const looks = new TopicLooks(makeBrokers(), everyMs, () => left.shift() ?? 0);
    const { signal } = new AbortController();
    const lengths: number[] = [];
    for (const _ of drawn) {
      let isOver = false;
      void looks.next(signal).then(() => {
        isOver = true;
      });
      let waitedMs = 0;
      for (; !isOver; waitedMs += 100) {
        jest.advanceTimersByTime(100);
        for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      }
      lengths.push(waitedMs);
    }
    return lengths;
  }

  test("the first time is anywhere in the period, the next are from three quarters of it to all of it", async () => {
    expect(await waits([0.1, 0, 0.99])).toEqual([2_000, 15_000, 20_000]);
    expect(await waits([0.9, 0.99, 0])).toEqual([18_000, 20_000, 15_000]);
  });

  test("all who wait look at the same moment", async () => {
    const looks = new TopicLooks(makeBrokers(), everyMs, () => 0.5);
    const { signal } = new AbortController();
    const waiting = [looks.next(signal), looks.next(signal)];
    jest.advanceTimersByTime(10_000);
    const [one, other] = await Promise.all(waiting);
    expect(one).toBe(other as number);
  });

  test("who is told to stop waits no longer", async () => {
    const looks = new TopicLooks(makeBrokers(), everyMs, () => 0.5);
    const stop = new AbortController();
    const waiting = looks.next(stop.signal);
    stop.abort();
    expect(await waiting).toBeNumber();
  });
});
