/** A downloader whose uploader is played by hand, and what its group says in the ledger. */
import { expect } from "bun:test";
import { join } from "node:path";
import type { AgentProcess } from "./agent-process.ts";
import { md5sum } from "./compare.ts";
import { type HandMadeFile, handMadeVersion } from "./hand-made.ts";
import type { PlainKafka } from "./plain-kafka.ts";
import { Random } from "./random.ts";
import { compacted } from "./records.ts";
import { type Scene, useScenes } from "./scene.ts";
import { waitUntil } from "./wait.ts";

export interface Stage {
  scene: Scene;
  kafka: PlainKafka;
  topicId: string;
  output: string;
  start(args?: readonly string[]): Promise<AgentProcess>;
}

/** A stage for each test, whose topics are there and empty. */
export function useStages(): () => Promise<Stage> {
  const openScene = useScenes();
  return async () => {
    const scene = await openScene();
    const kafka = await scene.kafka();
    await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
    await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
    const { id: topicId } = await kafka.describeTopic(scene.topic);
    const output = await scene.folder("output");
    return { scene, kafka, topicId, output, start: (args) => scene.downloader(output, args ? { args } : {}) };
  };
}

export function fileOf(stage: Stage, seed: number, bytes = 20_000): HandMadeFile {
  const content = new Random(seed).bytes(bytes);
  return { uploader: "till", path: "a.bin", content, chunkBytes: 5_000, topicId: stage.topicId };
}

export async function ledgerOf({ kafka, scene }: Stage): Promise<Map<string, unknown>> {
  return compacted(await kafka.readAll(scene.ledger));
}

/** What the group asks for now, if it asks. */
export async function needsOf(stage: Stage): Promise<unknown> {
  const entries = [...(await ledgerOf(stage))].filter(([key]) =>
    key.startsWith(`needs/${stage.scene.group}/`),
  );
  expect(entries.length).toBeLessThan(2);
  return (entries[0]?.[1] as { ranges: unknown } | undefined)?.ranges;
}

export const receiptKey = ({ scene }: Stage, kind: string, version = handMadeVersion) =>
  `${kind}/${scene.group}/till/${version}/a.bin`;

export async function expectDelivered(stage: Stage, file: HandMadeFile, agent: AgentProcess): Promise<void> {
  await agent.waitForLine(/till\/a\.bin: merge complete/);
  await waitUntil("the receipt is written and nothing is asked for any more", async () => {
    const entries = await ledgerOf(stage);
    return entries.has(receiptKey(stage, "delivered", file.version)) && (await needsOf(stage)) === undefined;
  });
  const wanted = new Bun.CryptoHasher("md5").update(file.content).digest("hex");
  expect(await md5sum(join(stage.output, "till/a.bin"))).toBe(wanted);
}
