/** Settings that would lose data, given to the topics while agents run. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { run } from "../support/compare.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const kafkaScript = join(import.meta.dir, "../../scripts/kafka");
const wrongChunks = /compact would keep one chunk of each file/;
const wrongLedger = /delete would forget what was sent/;

async function setPolicy(scene: Scene, topic: string, policy: string): Promise<void> {
  const what = ["--entity-type", "topics", "--entity-name", topic, "--alter"];
  const setting = ["--add-config", `cleanup.policy=${policy}`];
  const command = ["kafka.admin.ConfigCommand", "--bootstrap-server", scene.brokers, ...what, ...setting];
  const { code, output, errors } = await run([kafkaScript, "run", ...command]);
  if (code !== 0) throw new Error(output + errors);
}

/** What is not ready about an agent. */
async function reasonsOf(agent: AgentProcess): Promise<string[]> {
  return ((await (await AgentHttp.of(agent)).status()) as { reasons: string[] }).reasons;
}

const linesWith = (agent: AgentProcess, text: RegExp) => agent.messages.filter((line) => text.test(line));

test("settings that lose data are said once and are no readiness, until they are right again", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const agents = [
    await scene.uploader(source, { settings: anyPort }),
    await scene.downloader(await scene.folder("output"), { settings: anyPort }),
  ];
  const kafka = await scene.kafka();
  const ready = async (agent: AgentProcess) => (await reasonsOf(agent)).length === 0;
  for (const agent of agents) await waitUntil("it is ready", () => ready(agent));
  await setPolicy(scene, scene.topic, "compact");
  await setPolicy(scene, scene.ledger, "delete");
  // A topic that is seen to have changed is looked at at once.
  await kafka.addPartitions(scene.topic, 9);
  await kafka.addPartitions(scene.ledger, 9);
  // An uploader with nothing to do would look minutes later.
  await writeFile(join(source, "a.txt"), "a");
  for (const agent of agents)
    await waitUntil("it says both", async () => {
      const reasons = await reasonsOf(agent);
      return [wrongChunks, wrongLedger].every((text) => reasons.some((reason) => text.test(reason)));
    });
  await setPolicy(scene, scene.topic, "delete");
  await setPolicy(scene, scene.ledger, "compact");
  await kafka.addPartitions(scene.topic, 10);
  await kafka.addPartitions(scene.ledger, 10);
  await writeFile(join(source, "b.txt"), "b");
  for (const agent of agents) {
    await waitUntil("it is ready again", () => ready(agent), { detail: () => agent.report() });
    expect([linesWith(agent, wrongChunks).length, linesWith(agent, wrongLedger).length]).toEqual([1, 1]);
    expect(linesWith(agent, /its settings are right again/)).toHaveLength(2);
  }
});

test("a ledger that goes by the clocks of the devices is warned of", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.ledger, 4, {
    "cleanup.policy": "compact",
    "message.timestamp.type": "CreateTime",
  });
  const uploader = await scene.uploader(await scene.folder("source"), { args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  expect(linesWith(uploader, /ledger: message\.timestamp\.type is CreateTime/)).toHaveLength(1);
});
