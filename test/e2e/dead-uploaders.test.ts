/** Uploaders that are gone for good: what they owe holds up nobody, has an end, and comes back with them. */
import { expect, test } from "bun:test";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { chunkAt, chunksOf, handMadeVersion } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { Random } from "../support/random.ts";
import { compacted, type PlainRecord } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

async function prepare() {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const appended = { "message.timestamp.type": "LogAppendTime" };
  await kafka.createTopic(scene.topic, 1, appended);
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact", ...appended });
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  const entries = async () => compacted(await kafka.readAll(scene.ledger));
  const lost = (uploader: string, path: string) => ({
    file: { uploader, path, content: new Random(1).bytes(1_000), topicId },
    entry: fileEntry({ uploader, path, content: new Random(1).bytes(1_000) }, { topicId, offset: 0 }),
  });
  return { scene, kafka, topicId, entries, lost, output: await scene.folder("output") };
}

test("ten thousand files that nobody answers for keep nobody else's from being asked for, and are said in a few lines", async () => {
  const { scene, kafka, entries, lost, output } = await prepare();
  await kafka.produce(scene.topic, chunksOf({ uploader: "x", path: "x", content: Buffer.from("x") }));
  const dead: PlainRecord[] = [];
  for (let at = 0; at < 12_500; at++) dead.push(lost(`dead-${at % 5}`, `file-${at}`).entry);
  await kafka.produce(scene.ledger, dead);
  const agent = await scene.downloader(output, { settings: anyPort });
  const http = await AgentHttp.of(agent);
  const waits = async () => ((await (await http.get("/readyz")).json()) as { waits?: string[] }).waits ?? [];
  const saysSo = async () =>
    (await waits()).some((line) => /\d+ files wait for their uploader dead-0/.test(line));
  await waitUntil("/readyz says for whom they wait", saysSo, { detail: () => agent.report() });
  expect(await waits()).toContainEqual(expect.stringMatching(/^more files of dead-0, dead-1/));
  await kafka.produce(scene.ledger, [lost("till", "lost").entry]);
  const key = `needs/${scene.group}/till/${handMadeVersion}/lost`;
  await waitUntil("the living one's is asked for", async () => (await entries()).has(key), {
    detail: () => agent.report(),
  });
  expect(agent.output.split("\n").length).toBeLessThan(400);
});

test("what an uploader owes that does not answer fails after give_up, and comes back with it", async () => {
  const { scene, kafka, entries, lost, output } = await prepare();
  const { file, entry } = lost("till", "lost");
  await kafka.produce(scene.topic, chunksOf({ uploader: "x", path: "x", content: Buffer.from("x") }));
  await kafka.produce(scene.ledger, [entry]);
  const agent = await scene.downloader(output, { downloader: { give_up: "3s" } });
  await agent.waitForLine(/till\/lost: failed: not answered since 20\d\d-/);
  const id = `${scene.group}/till/${handMadeVersion}/lost`;
  const failed = await waitUntil("the ledger says so", async () => (await entries()).get(`failed/${id}`));
  expect(failed).toMatchObject({ reason: expect.stringMatching(/^not answered since/) });
  await waitUntil("nothing is asked for", async () => !(await entries()).has(`needs/${id}`));
  const claim = { format: 1, instance: "1", host: "till", state: "held", highest: handMadeVersion };
  const name = { key: "name/till", value: Buffer.from(JSON.stringify(claim)), headers: [] };
  await kafka.produce(scene.ledger, [name]);
  await waitUntil("it is asked for again", async () => (await entries()).has(`needs/${id}`), {
    detail: () => agent.report(),
  });
  await kafka.produce(scene.topic, [chunkAt(file, 0, file.content)]);
  await agent.waitForLine(/till\/lost: merge complete/);
  await waitUntil("its failure is taken back", async () => {
    const now = await entries();
    return now.has(`delivered/${id}`) && !now.has(`failed/${id}`);
  });
});
