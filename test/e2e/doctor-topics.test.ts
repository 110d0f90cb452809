/** What `doctor` finds of the topics, and what it says to do about it. */
import { describe, expect, test } from "bun:test";
import { doctorDownloader, doctorUploader, expectOneFailure, lines, makeTopics } from "../support/doctor.ts";
import { Faults } from "../support/faults.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

describe("it finds a topic that", () => {
  test("is missing where none may be made, and gives the command that makes it", async () => {
    const agent = await doctorUploader(await openScene(), { kafka: { create_topics: false } });
    expect(await agent.waitForExit()).toBe(1);
    expect(lines(agent, "FAIL")).toEqual([
      expect.stringMatching(/topic files-.*is missing.*; fix: kafka-topics\.sh .*--create .*LogAppendTime/),
      expect.stringMatching(/ledger files-.*is missing.*; fix: .*--partitions 4 .*cleanup\.policy=compact/),
    ]);
  });

  test("is missing and is to be told of arrivals", async () => {
    const scene = await openScene();
    const plain = await makeTopics(scene);
    const events = `${scene.topic}.events`;
    const options = { kafka: { create_topics: false }, downloader: { events: { topic: events } } };
    const missing = new RegExp(`topic ${events}.* is missing.*; fix: kafka-topics\\.sh .*--create`);
    await expectOneFailure(await doctorDownloader(scene, options), missing);
    await plain.createTopic(events);
    const agent = await doctorDownloader(scene, options);
    expect(lines(agent, "FAIL")).toEqual([]);
    expect(agent.output).toContain(`rights on topic ${events}`);
  });

  test("could not be made as configured", async () => {
    const agent = await doctorUploader(await openScene(), { kafka: { replication: 3 } });
    expect(await agent.waitForExit()).toBe(1);
    expect(lines(agent, "FAIL")[0]).toMatch(
      /topic .* would not make it: .*replication.*; fix: correct kafka\.replication/,
    );
  });

  test.each<[string, Record<string, string>, Record<string, string>, RegExp]>([
    [
      "loses chunks by compaction",
      { "cleanup.policy": "compact" },
      {},
      /topic files-.*cleanup\.policy is compact.*; fix: kafka-configs\.sh .*cleanup\.policy=delete/,
    ],
    [
      "forgets what arrived",
      {},
      { "cleanup.policy": "delete" },
      /ledger files-.*cleanup\.policy is delete.*; fix: kafka-configs\.sh .*\.ledger .*cleanup\.policy=compact/,
    ],
    [
      "takes no chunks",
      { "max.message.bytes": "1000" },
      {},
      /topic files-.*max\.message\.bytes is 1000.*; fix: .*max\.message\.bytes=/,
    ],
    [
      "takes no whole batch of the ledger's",
      {},
      { "max.message.bytes": "50000" },
      /ledger files-.*max\.message\.bytes is 50000, .*an uploader stands still then; fix: .*\.ledger .*max\.message\.bytes=/,
    ],
  ])("%s", async (_, chunks, ledger, pattern) => {
    const scene = await openScene();
    await makeTopics(scene, chunks, ledger);
    await expectOneFailure(await doctorUploader(scene), pattern);
  });

  test("wants more replicas in sync than it has, which this broker does not mind: with a warning", async () => {
    const scene = await openScene();
    const plain = await makeTopics(scene, { "min.insync.replicas": "2" });
    const agent = await doctorUploader(scene);
    expect(await agent.waitForExit()).toBe(0);
    expect(lines(agent, "warn")).toEqual([
      expect.stringMatching(
        /topic files-.*min\.insync\.replicas is 2, with 1 replica: brokers before 3\.7.*; fix: .*min\.insync\.replicas=1/,
      ),
    ]);
    await plain.produce(scene.topic, [{ key: "", value: Buffer.from("x"), headers: [] }]);
    expect(await plain.endOffsets(scene.topic)).toEqual([1]);
  });

  test("goes by the devices' clocks, and measures this one's", async () => {
    const scene = await openScene();
    await makeTopics(scene, { "message.timestamp.type": "CreateTime" });
    const agent = await doctorUploader(scene);
    expect(await agent.waitForExit()).toBe(0);
    expect(lines(agent, "warn")).toEqual([expect.stringMatching(/CreateTime.*; fix: .*LogAppendTime/)]);
    expect(agent.output).toMatch(/ok +clock: .* (behind|ahead of) the brokers'/);
    const records = await (await scene.kafka()).readAll(scene.ledger);
    expect(records.map(({ key, value }) => [key, value])).toEqual([["doctor/till", null]]);
  });

  test("goes by the devices' clocks, where this one's is years off", async () => {
    const scene = await openScene();
    await makeTopics(scene, { "message.timestamp.type": "CreateTime" });
    const faults = await Faults.make(await scene.folder("faults"));
    await faults.setClock(-10 * 365 * 86_400);
    await expectOneFailure(
      await doctorUploader(scene, { env: faults.env }),
      /clock: .* behind the brokers', and topic .* goes by it \(CreateTime\).*; fix: set the clock/,
    );
  });

  test("takes smaller chunks than configured, or has other partitions, with warnings", async () => {
    const scene = await openScene();
    await makeTopics(scene, { "max.message.bytes": "100000" });
    const options = { uploader: { chunk: "1MB" }, kafka: { ledger_partitions: 8 } };
    const agent = await doctorUploader(scene, options);
    expect(await agent.waitForExit()).toBe(0);
    expect(lines(agent, "warn")).toEqual([
      expect.stringMatching(/topic .*uploader\.chunk \(1000000\).*; fix: .*max\.message\.bytes=/),
      expect.stringMatching(/ledger .*has 4 partitions, not 8.*; fix: set kafka\.ledger_partitions: 4/),
    ]);
  });
});
