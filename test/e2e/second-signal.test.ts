import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes(async () => kafka.bootstrap);
let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka();
});

afterAll(() => kafka.stop());

test.each(["SIGTERM", "SIGINT", "SIGQUIT"] as const)("after SIGTERM, %s ends it at once", async (second) => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "first.txt"), "first");
  const uploader = await scene.uploader(source);
  await uploader.waitForLine(/first\.txt: successfully processed/);
  // What is under way can't be finished: nobody acknowledges it, nor that the name is given back.
  process.kill(kafka.pid, "SIGSTOP");
  try {
    uploader.signal("SIGTERM");
    await uploader.waitForLine(/finishing what is under way/);
    uploader.signal(second);
    expect(await uploader.waitForExit()).toBe(1);
  } finally {
    process.kill(kafka.pid, "SIGCONT");
  }
});
