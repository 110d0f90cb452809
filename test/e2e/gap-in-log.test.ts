import { expect, test } from "bun:test";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { chunksOf } from "../support/hand-made.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("what expires under a downloader that runs is named and counted, as at its start", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  const file = (path: string) => chunksOf({ uploader: "till", path, content: Buffer.from(path) });
  await kafka.produce(scene.topic, file("first"));
  const agent = await scene.downloader(await scene.folder("output"), { settings: anyPort });
  const http = await AgentHttp.of(agent);
  await agent.waitForLine(/till\/first: merge complete/);
  agent.signal("SIGSTOP");
  // Some of these are on their way to it already.
  for (let at = 0; at < 10; at++) await kafka.produce(scene.topic, file(`expired-${at}`));
  await kafka.deleteBefore(scene.topic, 11);
  await kafka.produce(scene.topic, file("last"));
  agent.signal("SIGCONT");
  await agent.waitForLine(/till\/last: merge complete/);
  const [, from, to] = await agent.waitForLine(
    /partition 0: the chunks from offset (\d+) to (\d+) expired before they were read/,
  );
  expect(Number(to)).toBe(10);
  const lost = Number(to) - Number(from) + 1;
  await waitUntil("they are counted", async () => (await http.metric("streamsend_gaps_total")) === lost);
});
