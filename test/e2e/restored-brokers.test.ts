/** Brokers that are put back to a copy of their disks, and go on from there: what was in the log since is not, and other records come at its offsets. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import {
  beginSummary,
  downloadOnce,
  fill,
  filling,
  newEntries,
  storeSummary,
} from "../support/summary-stage.ts";

const openScene = useScenes(async () => kafka.bootstrap);
let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka({ heap: "256m" });
}, 120_000);

afterAll(() => kafka.stop());

const data = () => join(kafka.dir, "data");
const copy = () => join(kafka.dir, "copy");

/** An uploader sends these one after the other, and notes each by itself. */
async function send(scene: Scene, source: string, ...names: readonly string[]): Promise<void> {
  const uploader = await scene.uploader(source);
  for (const name of names) {
    await writeFile(join(source, name), name);
    await uploader.waitForLine(new RegExp(`${name}: successfully processed`));
  }
  await uploader.stop();
}

test("no file is taken for one that was delivered before, by a summary of the ledger that there was, though leaders are counted as then", async () => {
  const { scene, source, output } = await beginSummary(await openScene());
  await kafka.halt();
  await cp(data(), copy(), { recursive: true });
  await kafka.restart();
  await send(scene, source, "lost");
  await fill(scene, filling);
  expect(newEntries(await storeSummary(scene, output))).toBeGreaterThanOrEqual(filling);
  await kafka.halt();
  await rm(data(), { recursive: true });
  await cp(copy(), data(), { recursive: true });
  await kafka.restart();
  for (const folder of [source, join(output, "uploader")]) await rm(join(folder, "lost"));
  await fill(scene, 2 * filling);
  // What is noted of the last one is where the summary ends, or behind that.
  await send(scene, source, "second", "third", "fourth", "fifth", "sixth");
  const next = await downloadOnce(scene, output);
  await expectSameTree(source, join(output, "uploader"), [next]);
  expect(newEntries(next)).toBeUndefined();
});
