/** What a downloader that runs does about an uploader that is forgotten; the uploader's part is played by hand. */
import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { forget, keysOf } from "../support/forget.ts";
import { chunksOf, handMadeVersion } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { expectDelivered, fileOf, useStages } from "../support/repair-stage.ts";
import { waitUntil } from "../support/wait.ts";

const prepare = useStages();
const waitsOf = async (http: AgentHttp) =>
  ((await (await http.get("/readyz")).json()) as { waits?: string[] }).waits ?? [];

test("a downloader waits no longer for an uploader that is forgotten, and keeps no room for what it has begun of it", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId, output } = stage;
  const lost = fileOf(stage, 6);
  const stored = { ...fileOf(stage, 7), path: "b.bin", version: handMadeVersion + 1 };
  await kafka.produce(scene.topic, [...chunksOf(lost).slice(0, 2), ...chunksOf(stored)]);
  const from = `${topicId} 0@0`;
  await kafka.produce(scene.ledger, [
    fileEntry(lost, { topicId, offset: 5, from }),
    fileEntry(stored, { topicId, offset: 5, from }),
  ]);
  const agent = await scene.downloader(output, { settings: anyPort });
  const http = await AgentHttp.of(agent);
  const detail = () => agent.report();
  const waits = () => waitsOf(http);
  await waitUntil(
    "it says for whom it waits",
    async () => (await waits()).some((line) => line.includes("till")),
    {
      detail,
    },
  );
  const partials = () => readdir(join(output, ".streamsend/partial"));
  await waitUntil("it has a part of the file", async () => (await partials()).length > 0, { detail });
  const asked = await forget(scene, "uploader", "till");
  expect(asked.out).toContain(`group ${scene.group} has not got 1 file (a.bin); it asks for 1 file (a.bin)`);
  expect((await forget(scene, "uploader", "till", "--yes")).code).toBe(0);
  await waitUntil("it waits for nobody", async () => (await waits()).length === 0, { detail });
  await waitUntil("its part of the file is gone", async () => (await partials()).length === 0, { detail });
  expect((await http.get("/readyz")).status).toBe(200);
  expect(await keysOf(scene, "file/", "needs/", "delivered/", "failed/")).toEqual([]);
  // What was stored stays, and what comes later under the name is stored as any other.
  expect(await readdir(join(output, "till"))).toEqual(["b.bin"]);
  const again = { ...lost, version: handMadeVersion + 2 };
  await kafka.produce(scene.topic, chunksOf(again));
  await kafka.produce(scene.ledger, [fileEntry(again, { topicId, offset: 9, from: `${topicId} 0@6` })]);
  await expectDelivered(stage, again, agent);
});

test("what comes to the topic after its uploader was forgotten, and was noted before, is stored once", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId, output } = stage;
  const [from, offset] = [`${topicId} 0@0`, 5];
  const late = fileOf(stage, 6);
  // So many that the group's mark speaks of them all, and names what is missing.
  const others = [1, 2, 3, 4].map((at) => ({
    ...{ ...fileOf(stage, 6 + at, 100), path: `b${at}.bin`, version: handMadeVersion + at },
  }));
  await kafka.produce(scene.topic, others.flatMap(chunksOf));
  await kafka.produce(
    scene.ledger,
    [late, ...others].map((file) => fileEntry(file, { topicId, offset, from })),
  );
  const agent = await scene.downloader(output, { settings: anyPort });
  const http = await AgentHttp.of(agent);
  const detail = () => agent.report();
  const isMissing = async () => (await waitsOf(http)).some((line) => line.includes("till"));
  await waitUntil("it says for whom it waits", isMissing, { detail });
  await agent.waitForLine(/till\/b4\.bin: merge complete/);
  expect((await forget(scene, "uploader", "till", "--yes")).code).toBe(0);
  await waitUntil("it waits for nobody", async () => (await waitsOf(http)).length === 0, { detail });
  await kafka.produce(scene.topic, chunksOf(late));
  await expectDelivered(stage, late, agent);
  await agent.stop();
  await kafka.produce(scene.topic, [late, ...others].flatMap(chunksOf));
  const again = await scene.downloader(output, { args: ["--once"] });
  expect(await again.waitForExit(), again.report()).toBe(0);
  expect(again.output).not.toContain("merge complete");
});
