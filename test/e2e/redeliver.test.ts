/** What was delivered, and is to be again, or never any more; the uploader's part is played by hand. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { listFiles } from "../support/compare.ts";
import { chunksOf, handMadeVersion } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { expectDelivered, fileOf, ledgerOf, receiptKey, useStages } from "../support/repair-stage.ts";
import { waitUntil } from "../support/wait.ts";

const prepare = useStages();

test("redeliver brings back what was delivered and taken away, and what had failed", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId, output } = stage;
  const file = fileOf(stage, 6);
  await kafka.produce(scene.topic, chunksOf(file));
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 3, from: `${topicId} 0@0` })]);
  const agent = await stage.start();
  await expectDelivered(stage, file, agent);
  await Bun.file(join(output, "till/a.bin")).delete();
  const config = await scene.configuration({
    role: "downloader",
    kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger },
    downloader: { output, group: scene.group },
  });
  const ask = async (...args: string[]) => {
    const command = scene.agent(["redeliver", ...args, "--config", config]);
    expect(await command.waitForExit()).toBe(0);
    return command.output;
  };
  expect(await ask("other/**")).toContain("nothing of group");
  expect(await ask("--since", "2999-01-01")).toContain("nothing of group");
  expect(await ask("till/*.bin", "--since", "1h")).toContain("till/a.bin: version");
  await waitUntil("it is there again", async () => (await listFiles(output)).length === 1, {
    detail: () => agent.report(),
  });
  await expectDelivered(stage, file, agent);
  // What asks for the brokers' time is no entry that anybody would warn of.
  expect(agent.output).not.toMatch(/broken entry/);
});

test("the receipt of a file that its uploader has forgotten is dropped, and nothing is fetched for that", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = fileOf(stage, 9);
  await kafka.produce(scene.topic, chunksOf(file));
  const entry = fileEntry(file, { topicId, offset: 3, from: `${topicId} 0@0` });
  await kafka.produce(scene.ledger, [entry]);
  const agent = await stage.start();
  await expectDelivered(stage, file, agent);
  await kafka.produce(scene.ledger, [{ ...entry, value: null }]);
  const isLeft = async () => (await ledgerOf(stage)).has(receiptKey(stage, "delivered"));
  await waitUntil("its receipt is dropped", async () => !(await isLeft()), { detail: () => agent.report() });
  // The next version is delivered as any other, and stays so.
  const next = { ...file, version: handMadeVersion + 1 };
  await kafka.produce(scene.topic, chunksOf(next));
  await kafka.produce(scene.ledger, [fileEntry(next, { topicId, offset: 7, from: `${topicId} 0@4` })]);
  await waitUntil("the next is delivered", async () =>
    (await ledgerOf(stage)).has(receiptKey(stage, "delivered", next.version)),
  );
  expect(agent.output.split("merge complete")).toHaveLength(3);
});
