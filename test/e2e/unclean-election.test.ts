/** A broker that was behind takes over: what only the others had is cut off the logs, of the chunks and of the ledger. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { Cluster, clusterStartMs, waitForReplicas } from "../support/cluster.ts";
import { expectSameTree } from "../support/compare.ts";
import type { PlainKafka } from "../support/plain-kafka.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { downloadOnce, fill, filling, newEntries } from "../support/summary-stage.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => cluster.bootstrap);
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
}, clusterStartMs);

afterAll(() => cluster.stop());

/** Both topics at the brokers 2 and 3, one of which is enough: what only one of them has is acknowledged. */
async function makeTopics({ topic, ledger }: Scene, unclean: boolean): Promise<void> {
  const common = { "min.insync.replicas": "1", "message.timestamp.type": "LogAppendTime" };
  const settings = { ...common, "unclean.leader.election.enable": String(unclean) };
  await cluster.makeTopic(topic, [[2, 3]], settings);
  await cluster.makeTopic(ledger, [[2, 3]], { ...settings, "cleanup.policy": "compact" });
}

/** What `meanwhile` does is only at broker 2; then that is killed, and broker 3 comes back without it. */
async function leaveOnlyBehind(meanwhile: () => Promise<void>): Promise<void> {
  const [second, third] = [cluster.broker(2), cluster.broker(3)];
  await third.halt();
  await meanwhile();
  await second.kill();
  await third.restart();
}

function leadersOf(kafka: PlainKafka, topic: string): Promise<unknown[]> {
  // One that has just stopped may have been asked.
  return kafka.placesOf(topic).then(
    (places) => places.map(({ leader }) => leader),
    () => [],
  );
}

async function bringBack({ topic, ledger }: Scene, kafka: PlainKafka): Promise<void> {
  await cluster.broker(2).restart();
  for (const name of [topic, ledger]) await waitForReplicas(kafka, name);
}

test("where an unclean election cuts off both logs, what was delivered does not come twice, and what was not is sent again", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await makeTopics(scene, true);
  const [source, output, mirror] = [
    await scene.folder("source"),
    await scene.folder("output"),
    await scene.folder("mirror"),
  ];
  const write = (name: string) => writeFile(join(source, name), name);
  const startMirror = () => scene.downloader(mirror, { name: "mirror", downloader: { group: "mirror" } });
  await write("before.txt");
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  const firstMirror = await startMirror();
  await expectSameTree(source, join(mirror, "uploader"), [uploader, firstMirror]);
  await firstMirror.stop();
  await leaveOnlyBehind(async () => {
    for (let at = 0; at < 20; at++) await write(`cut-off-${at}.txt`);
    await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
    const entries = async () => [...compacted(await kafka.readAll(scene.ledger)).keys()];
    const isReceipt = (key: string) => key.startsWith(`delivered/${scene.group}/`);
    await waitUntil("all has its receipt", async () => (await entries()).filter(isReceipt).length === 21);
  });
  for (const topic of [scene.topic, scene.ledger])
    await waitUntil(`broker 3 leads ${topic}`, async () => (await leadersOf(kafka, topic))[0] === 3);
  await bringBack(scene, kafka);
  for (const agent of [uploader, downloader]) await agent.waitForLine(/the end of the ledger was cut off/);
  await write("after.txt");
  const agents = [uploader, downloader, await startMirror()];
  await expectSameTree(source, join(output, "uploader"), agents);
  await expectSameTree(source, join(mirror, "uploader"), agents);
  // Its receipts are written again: who starts later knows of them.
  await downloader.stop();
  const next = await scene.downloader(output, { args: ["--once"] });
  expect(await next.waitForExit()).toBe(0);
  for (const agent of [downloader, next])
    expect(agent.messages.filter((message) => /cut-off-7\.txt.*merge complete/.test(message))).toHaveLength(
      agent === downloader ? 1 : 0,
    );
});

test("without unclean elections a broker that was behind does not lead: both roles say so, and nothing is lost", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await makeTopics(scene, false);
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const write = (name: string) => writeFile(join(source, name), name);
  await write("before.txt");
  const uploader = await scene.uploader(source, { settings: anyPort });
  const first = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, first]);
  await first.stop();
  await leaveOnlyBehind(async () => {
    for (let at = 0; at < 20; at++) await write(`kept-${at}.txt`);
    for (let at = 0; at < 20; at++) await uploader.waitForLine(new RegExp(`kept-${at}.txt: successfully`));
  });
  await (await AgentHttp.of(uploader)).waitForReadiness(false, /no leader.*start the brokers that hold it/);
  await bringBack(scene, kafka);
  const next = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, next]);
  await (await AgentHttp.of(uploader)).waitForReadiness(true);
  for (const { output: said } of [uploader, next])
    expect(said).not.toMatch(/cut off|sent again|not in the log/);
});

test("a downloader that was away as the ledger's end was cut off does not go on from what it had stored of it, also if there is more by then", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await makeTopics(scene, true);
  const output = await scene.folder("output");
  await downloadOnce(scene, output);
  await leaveOnlyBehind(async () => {
    await fill(scene);
    await downloadOnce(scene, output);
  });
  await waitUntil("broker 3 leads", async () => (await leadersOf(kafka, scene.ledger))[0] === 3);
  await bringBack(scene, kafka);
  // As many come in place of what was cut off, and more.
  await fill(scene, filling);
  await fill(scene, 2 * filling);
  const next = await downloadOnce(scene, output);
  expect(next.messages.join("\n")).toContain("the end of the ledger was cut off since");
  expect(newEntries(await downloadOnce(scene, output))).toBe(0);
});
