/** What an uploader with nothing to do asks the brokers for, counted on the way to one, and what it hears all the same. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { RequestCounter } from "../support/request-counter.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

let counter: RequestCounter;
let kafka: Kafka;

beforeAll(async () => {
  counter = await RequestCounter.start();
  kafka = await startKafkaBehind([counter]);
});

afterAll(async () => {
  await counter.stop();
  await kafka.stop();
});

const openScene = useScenes(async () => kafka.bootstrap);
const windowMs = 45_000;

const longWaitMs = 300_000;

/** Such an uploader asks for news less often than a test has patience: what it hears was told at once. */
function waiting() {
  const options = { "fetch.wait.end.ms": longWaitMs, "topic.metadata.refresh.interval.ms": 3_600_000 };
  return { brokers: `127.0.0.1:${counter.port}`, options };
}

async function waitForNews(): Promise<void> {
  await waitUntil("it waits for news", () => counter.lastFetchWaitMs === longWaitMs);
}

test("an idle uploader asks for news twice a minute, for its topics every few minutes, and for nothing else", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const agent = await scene.uploader(source, { kafka: { brokers: `127.0.0.1:${counter.port}` } });
  await writeFile(join(source, "a.txt"), "a");
  await agent.waitForLine(/a\.txt: successfully processed/);
  const before = counter.counts;
  const beganMs = performance.now();
  await waitUntil("the window is over", () => performance.now() - beganMs >= windowMs);
  const after = counter.counts;
  const asked = Object.fromEntries(
    Object.entries(after)
      .map(([kind, count]): [string, number] => [kind, count - (before[kind] ?? 0)])
      .filter(([, count]) => count > 0),
  );
  const { Fetch = 0, Metadata = 0, DescribeConfigs = 0, ...others } = asked;
  const minutes = (performance.now() - beganMs) / 60_000;
  // What has come until then, the news of its end, and then twice a minute.
  expect(Fetch).toBeLessThanOrEqual(4 + 2 * minutes);
  // Its own look, which may be due just then, and that of either client.
  expect(Metadata).toBeLessThanOrEqual(3 + minutes);
  expect(DescribeConfigs).toBeLessThanOrEqual(1);
  // The end of what was written for the file, at most.
  expect(Object.keys(others).filter((kind) => kind !== "Produce" && kind !== "ListOffsets")).toEqual([]);
});

test("an idle uploader hears at once when somebody asks for its name, and when a group asks for a file", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const agent = await scene.uploader(source, { kafka: waiting() });
  await writeFile(join(source, "a.txt"), "a");
  const before = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [agent, before]);
  before.signal("SIGTERM");
  expect(await before.waitForExit()).toBe(0);
  await writeFile(join(source, "b.txt"), "b");
  await agent.waitForLine(/b\.txt: successfully processed/);
  await waitForNews();
  const rival = await scene.uploader(await scene.folder("other"));
  expect(await rival.waitForExit(), rival.report()).toBe(1);
  expect(agent.isRunning).toBe(true);
  await (await scene.kafka()).expireAll(scene.topic);
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [agent, downloader]);
  expect(agent.output).toMatch(/b\.txt: 1 bytes of version \d+ were sent again/);
});

test("an idle uploader hears at once of a receipt, and takes the source away", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const agent = await scene.uploader(source, {
    kafka: waiting(),
    uploader: { after: "delete", after_groups: [scene.group] },
  });
  await writeFile(join(source, "a.txt"), "a");
  await agent.waitForLine(/a\.txt: successfully processed/);
  await waitForNews();
  const downloader = await scene.downloader(await scene.folder("output"));
  await waitUntil("the source is gone", () => !existsSync(join(source, "a.txt")), {
    detail: () => `${agent.report()}\n${downloader.report()}`,
  });
});
