/** Two brokers, each partition at both of them: what one broker alone can't show. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { headerOf } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => first.bootstrap);
/** Several, so that each broker leads some. */
const partitions = 4;
let first: Kafka;
let second: Kafka;

beforeAll(async () => {
  first = await startKafka({ settings: { "offsets.topic.replication.factor": 2 } });
  second = await startKafka({ join: first });
});

afterAll(async () => {
  // The first one decides for both: without it the other could not end in order.
  await second.stop();
  await first.stop();
});

test("a broker that is killed in the middle of files: the other one takes over, and each arrives in one version", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const kafka = { partitions, replication: 2 };
  const names = Array.from({ length: 2 * partitions }, (_, at) => `video-${at}.avi`);
  for (const name of names) await writeLargeFile(join(source, name), 2 << 20);
  const slowly = { chunk: 65_536, rate: "2MB/s", in_flight: "512KiB", parallel: names.length };
  const uploader = await scene.uploader(source, { kafka, uploader: slowly });
  const downloader = await scene.downloader(output, { kafka });
  const agents = [uploader, downloader];
  for (const name of names) await downloader.waitForLine(new RegExp(`${name} \\(0000[2-9]/`));
  expect(downloader.messages.filter((message) => message.includes("merge complete"))).toBeEmpty();
  await second.kill();
  await expectSameTree(source, join(output, "uploader"), agents);
  await second.restart();
  const records = await (await scene.kafka()).readAll(scene.topic);
  const versions = records.map((record) => `${record.key} ${headerOf(record, "version")}`);
  expect(new Set(versions).size).toBe(names.length);
});

test("doctor finds topics of one replica, and says what would be lost with one broker", async () => {
  const scene = await openScene();
  const plain = await scene.kafka();
  const byBrokers = { "message.timestamp.type": "LogAppendTime" };
  await plain.createTopic(scene.topic, 1, byBrokers);
  await plain.createTopic(scene.ledger, 4, { ...byBrokers, "cleanup.policy": "compact" });
  const { topic, ledger, brokers } = scene;
  const config = await scene.configuration({
    role: "uploader",
    kafka: { brokers, topic, ledger, ledger_partitions: 4 },
    uploader: { watch: [{ path: await scene.folder("source") }] },
  });
  const doctor = scene.agent(["doctor", "--config", config]);
  await doctor.waitForExit();
  for (const subject of [`topic ${topic}`, `ledger ${ledger}`])
    expect(doctor.output).toMatch(
      new RegExp(`FAIL +${subject}: is kept once, in a cluster of 2 brokers.*; fix: `),
    );
  expect(await doctor.waitForExit()).toBe(1);
});

test("too few replicas in sync: the uploader says so while chunks wait, doctor finds it, and the file arrives later", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const kafka = { partitions, replication: 2 };
  const uploader = await scene.uploader(source, { kafka, settings: anyPort });
  const http = await AgentHttp.of(uploader);
  await http.waitForReadiness(true);
  const entity = ["--entity-type", "topics", "--entity-name", scene.topic];
  const setting = ["--add-config", "min.insync.replicas=2"];
  await first.tool("kafka.admin.ConfigCommand", "--alter", ...entity, ...setting);
  await second.kill();
  const { topic, ledger, brokers } = scene;
  const config = await scene.configuration({
    role: "uploader",
    kafka: { brokers, topic, ledger, ledger_partitions: 4 },
    uploader: { watch: [{ path: source }] },
  });
  try {
    // Written only once the cluster has noticed: what is on its way to the dead one is another trouble.
    const failures = async () => {
      const doctor = scene.agent(["doctor", "--config", config]);
      await doctor.waitForExit();
      return doctor.output.split("\n").filter((line) => line.startsWith("FAIL"));
    };
    const tooFew =
      /topic files-.*4 of 4 partitions can't be written to: 1 replica in sync, min\.insync\.replicas is 2; fix: start broker 2/;
    await waitUntil("doctor finds it", async () => (await failures()).some((line) => tooFew.test(line)));
    await writeLargeFile(join(source, "video.avi"), 1 << 20);
    const said = /1 of 2 replicas in sync, min\.insync\.replicas is 2: start broker 2/;
    await http.waitForReadiness(false, said);
    await uploader.waitForLine(said);
  } finally {
    await second.restart();
  }
  const downloader = await scene.downloader(output, { kafka });
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await http.waitForReadiness(true);
});

test("partitions without a leader: the downloader says so while they last", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const kafka = { partitions, replication: 1 };
  const downloader = await scene.downloader(output, { kafka, settings: anyPort });
  const http = await AgentHttp.of(downloader);
  await http.waitForReadiness(true);
  await second.kill();
  try {
    await http.waitForReadiness(false, /partition \d: no leader.*start the brokers that hold it/);
  } finally {
    await second.restart();
  }
  await http.waitForReadiness(true);
  await writeLargeFile(join(source, "video.avi"), 1 << 20);
  const uploader = await scene.uploader(source, { kafka });
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
});
