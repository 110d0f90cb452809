/** Three brokers, each partition at all of them, two of which must have what is acknowledged: one after the other goes, and comes back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { hostAndPort } from "../../agent/lib/address.ts";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { Cluster, clusterStartMs, type Placement, waitForReplicas } from "../support/cluster.ts";
import { expectSameTree } from "../support/compare.ts";
import type { Kafka } from "../support/kafka.ts";
import { headerOf } from "../support/records.ts";
import { type AgentOptions, type Scene, type Settings, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => cluster.bootstrap);
/** Several, so that each broker leads some. */
const inThreeCopies = { partitions: 3, replication: 3 };
const chunkBytes = 64 << 10;
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
}, clusterStartMs);

afterAll(() => cluster.stop());

interface Stage {
  scene: Scene;
  source: string;
  output: string;
  uploader: AgentProcess;
  downloader: AgentProcess;
  agents: AgentProcess[];
  names: string[];
}

/** Both roles in the middle of files, of which there are some in each partition. */
async function startMidway(own: AgentOptions = {}, onScene?: Scene): Promise<Stage> {
  const scene = onScene ?? (await openScene());
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const names = Array.from({ length: 9 }, (_, at) => `video-${at}.avi`);
  for (const name of names) await writeLargeFile(join(source, name), 32 * chunkBytes);
  const kafka = { ...inThreeCopies, ...own.kafka };
  const slowly = {
    chunk: chunkBytes,
    rate: "3MB/s",
    in_flight: "512KiB",
    parallel: names.length,
    ...own.uploader,
  };
  const uploader = await scene.uploader(source, { settings: anyPort, ...own, kafka, uploader: slowly });
  const downloader = await scene.downloader(output, { settings: anyPort, ...own, kafka });
  for (const name of names) await downloader.waitForLine(new RegExp(`${name} \\(0000[2-9]/`));
  expect(downloader.messages.filter((message) => message.includes("merge complete"))).toBeEmpty();
  return { scene, source, output, uploader, downloader, agents: [uploader, downloader], names };
}

/** All has arrived, in one version each, and nothing waits any more. */
async function expectArrived({ scene, source, output, agents, names }: Stage): Promise<void> {
  await expectSameTree(source, join(output, "uploader"), agents);
  for (const agent of agents) await (await AgentHttp.of(agent)).waitForReadiness(true);
  const records = await (await scene.kafka()).readAll(scene.topic);
  const ofNames = records.filter(({ key }) => names.some((name) => key === `uploader/${name}`));
  const versions = new Set(ofNames.map((record) => `${record.key} ${headerOf(record, "version")}`));
  expect(versions.size).toBe(names.length);
}

/** The cluster is whole again. */
async function heal({ scene }: Pick<Stage, "scene">): Promise<void> {
  const kafka = await scene.kafka();
  for (const topic of topicsOf({ scene })) await waitForReplicas(kafka, topic);
}

function topicsOf({ scene }: Pick<Stage, "scene">): string[] {
  return [scene.topic, scene.ledger, "__consumer_offsets"];
}

/** The broker that keeps the group, and leads some of all. */
async function coordinator({ scene }: Pick<Stage, "scene">): Promise<number> {
  const kafka = await scene.kafka();
  return waitUntil("the group has a coordinator", () => kafka.coordinatorOf(scene.group));
}

test("the group's coordinator is stopped in the middle of files and comes back: each arrives in one version", async () => {
  const stage = await startMidway();
  const broker = cluster.broker(await coordinator(stage));
  await broker.halt();
  try {
    await expectArrived(stage);
  } finally {
    await broker.restart();
  }
  await heal(stage);
});

test.each([
  ["the group's coordinator", async (stage: Stage) => cluster.broker(await coordinator(stage))],
  ["the controller, which leads partitions as well,", async () => cluster.broker(1)],
])("%s is killed in the middle of files and comes back: each arrives in one version", async (_, find) => {
  const stage = await startMidway();
  const broker = await find(stage);
  await broker.kill();
  await broker.restart();
  await expectArrived(stage);
  await heal(stage);
});

test("leaders and replicas are moved while files pass, also the ledger's and the group's: each arrives in one version", async () => {
  const stage = await startMidway({ uploader: { rate: "1MB/s" } });
  const kafka = await stage.scene.kafka();
  const places: Placement[] = [];
  for (const topic of topicsOf(stage))
    for (const { partition, replicas } of await kafka.placesOf(topic))
      places.push({ topic, partition, replicas });
  const [all, rotated, fewer] = [places, places.map(rotate), places.map(rotate).map(withoutLeader)];
  for (const placements of [rotated, fewer, all]) await cluster.place(kafka, placements);
  await expectArrived(stage);
});

function rotate({ replicas: [first = 0, ...others], ...of }: Placement): Placement {
  return { ...of, replicas: [...others, first] };
}

function withoutLeader({ replicas: [, ...others], ...of }: Placement): Placement {
  return { ...of, replicas: others };
}

test("two of three brokers are away: both roles say so, --once waits as well, and all goes on when they are back", async () => {
  const stage = await startMidway();
  const { scene, uploader, downloader } = stage;
  const other = await scene.folder("other");
  await writeFile(join(other, "a.txt"), "a");
  const away = [cluster.broker(2), cluster.broker(3)];
  await Promise.all(away.map((broker) => broker.kill()));
  const once = await scene.uploader(other, { name: "once", args: ["--once"], kafka: inThreeCopies });
  try {
    const said = /1 of 3 replicas in sync, min\.insync\.replicas is 2: start brokers (2, 3|3, 2)/;
    await uploader.waitForLine(said);
    await (await AgentHttp.of(uploader)).waitForReadiness(false, said);
    // It has what the brokers have, and may not publish what they can't note.
    await (await AgentHttp.of(downloader)).waitForReadiness(false);
    await once.waitForLine(said);
    expect(once.isRunning).toBe(true);
  } finally {
    await Promise.all(away.map((broker) => broker.restart()));
  }
  expect(await once.waitForExit()).toBe(0);
  await expectSameTree(other, join(stage.output, "once"), [downloader]);
  await expectArrived(stage);
  await heal(stage);
});

test("a broker is lost with its disk in the middle of files, and replaced by an empty one: each arrives in one version", async () => {
  const stage = await startMidway();
  const broker = cluster.broker(2);
  await broker.lose();
  await broker.restart();
  await expectArrived(stage);
  await heal(stage);
});

test("a broker is lost for good: agents go on without it, and those that are started with it as the first of their brokers", async () => {
  const stage = await startMidway();
  const { scene, source, output } = stage;
  const broker = cluster.broker(3);
  await broker.lose();
  try {
    await expectArrived(stage);
    await Promise.all(stage.agents.map((agent) => agent.stop()));
    const brokers = [broker, cluster.broker(1), cluster.broker(2)].map(({ bootstrap }) => bootstrap);
    const kafka = { ...inThreeCopies, brokers };
    await writeFile(join(source, "later.txt"), "later");
    const uploader = await scene.uploader(source, { kafka, settings: anyPort });
    const next = await scene.downloader(output, { kafka, settings: anyPort });
    await expectArrived({ ...stage, agents: [uploader, next] });
  } finally {
    await broker.restart();
  }
  await heal(stage);
});

test("by the brokers' own defaults topics are kept once: doctor says so before they are made, and kafka.replication helps", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const watch = [{ path: await scene.folder("source") }];
  const { topic, ledger, brokers } = scene;
  const doctor = async (own: Settings) => {
    const settings = { role: "uploader", kafka: { brokers, topic, ledger, ledger_partitions: 4, ...own } };
    const config = await scene.configuration({ ...settings, uploader: { watch }, http: { listen: "off" } });
    const agent = scene.agent(["doctor", "--config", config]);
    await agent.waitForExit();
    return agent.output;
  };
  const once =
    /FAIL +(topic|ledger) .*will make it.* 1 replica, in a cluster of 3 brokers.*; fix: set kafka.replication: 3/g;
  expect((await doctor({})).match(once)).toHaveLength(2);
  const wanted = { replication: 3 };
  expect(await doctor(wanted)).not.toMatch(/FAIL|warn/);
  const uploader = await scene.uploader(await scene.folder("other"), { kafka: wanted, args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  for (const name of [topic, ledger]) {
    for (const { replicas } of await kafka.placesOf(name)) expect(replicas).toHaveLength(3);
    expect(await kafka.settingsOf(name)).toMatchObject({ "min.insync.replicas": "2" });
  }
  expect(await doctor(wanted)).not.toMatch(/FAIL|warn/);
});

test("the one broker that is named stops once the agents are connected: they go on by the others", async () => {
  const broker = cluster.broker(2);
  const stage = await startMidway({ kafka: { brokers: [broker.bootstrap] } });
  await broker.kill();
  try {
    await expectArrived(stage);
  } finally {
    await broker.restart();
  }
  await heal(stage);
});

test.each([
  ["hangs", async () => []],
  ["hangs, and takes no connection, as if it had lost its power,", fillBacklog],
])(
  "a broker that leads all, and keeps the group, %s: each file arrives meanwhile, also one of an agent that starts then",
  async (_, spoil) => {
    const [scene, leader] = await openSceneLedByOne();
    // Nothing but the broker's silence leads them to the others within the time of this test.
    const kafka = { options: { "topic.metadata.refresh.interval.ms": 600_000 } };
    const stage = await startMidway({ kafka }, scene);
    const other = await scene.folder("other");
    await writeFile(join(other, "a.txt"), "a");
    process.kill(leader.pid, "SIGSTOP");
    const sockets = await spoil(leader);
    try {
      await expectSameTree(stage.source, join(stage.output, "uploader"), stage.agents);
      for (const agent of stage.agents)
        await agent.waitForLine(/broker 127\.0\.0\.1:\d+: it does not answer, and others do/);
      const once = await scene.uploader(other, { name: "once", args: ["--once"], kafka: inThreeCopies });
      expect(await once.waitForExit()).toBe(0);
      await expectSameTree(other, join(stage.output, "once"), [once, ...stage.agents]);
    } finally {
      for (const socket of sockets) socket.destroy();
      process.kill(leader.pid, "SIGCONT");
    }
    await heal(stage);
    await expectArrived(stage);
  },
);

/** Both topics are led by the group's coordinator, which is not the controller: without that one nobody else could lead. */
async function openSceneLedByOne(): Promise<[Scene, Kafka]> {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const leader = 2;
  const replicas = [leader, 3, 1];
  const settings = { "message.timestamp.type": "LogAppendTime" };
  await cluster.makeTopic(scene.topic, [replicas, replicas, replicas], settings);
  await cluster.makeTopic(scene.ledger, [replicas, replicas], { ...settings, "cleanup.policy": "compact" });
  const topic = "__consumer_offsets";
  // Asked for a coordinator, the cluster makes the topic that decides which broker that is; of another group, as the client keeps the answer.
  await waitUntil("some group has a coordinator", () => kafka.coordinatorOf("another"));
  const placements = (await kafka.placesOf(topic)).map(({ partition }) => ({ topic, partition, replicas }));
  await cluster.place(kafka, placements);
  const isLed = async () => (await kafka.placesOf(topic)).every((place) => place.leader === leader);
  await waitUntil("all groups are kept by the broker that leads the topics", isLed);
  return [scene, cluster.broker(leader)];
}

/** Until a new connection to the stopped broker is not answered any more, not even by its machine. */
async function fillBacklog(broker: Kafka): Promise<Socket[]> {
  const sockets: Socket[] = [];
  await waitUntil("no connection is made any more", async () => {
    const socket = connect(hostAndPort(broker.bootstrap));
    sockets.push(socket);
    socket.on("error", () => undefined);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    socket.once("connect", () => resolve(false));
    setTimeout(resolve, 1000, true);
    return promise;
  });
  return sockets;
}
