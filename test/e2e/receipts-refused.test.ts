/** A downloader whose right to write to the ledger is taken away and given back. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { run } from "../support/compare.ts";
import { chunksOf } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { compacted } from "../support/records.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);
const password = "correcthorsebatterystaple";
let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka({
    listeners: [{ name: "LOGIN", protocol: "SASL_PLAINTEXT" }],
    settings: {
      "sasl.enabled.mechanisms": "SCRAM-SHA-512",
      "listener.name.login.scram-sha-512.sasl.jaas.config":
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      // Who comes by the plain listener has no name.
      "super.users": "User:ANONYMOUS",
    },
  });
  await kafka.addScramUser("receiver", password);
  await kafka.allow(["receiver"], ["--topic", "*"], "Read", "Write", "Describe", "DescribeConfigs");
  await kafka.allow(["receiver"], ["--group", "*"], "Read");
});

afterAll(async () => {
  await kafka.stop();
});

async function prepare() {
  const scene = await openScene();
  const plain = await scene.kafka();
  await plain.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  await plain.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const { id: topicId } = await plain.describeTopic(scene.topic);
  const output = await scene.folder("output");
  const login: Settings = {
    brokers: kafka.listener("LOGIN"),
    sasl: { mechanism: "scram-sha-512", username: "receiver", password },
  };
  const start = () => scene.downloader(output, { kafka: login, settings: anyPort });
  const entries = async () => [...compacted(await plain.readAll(scene.ledger)).keys()];
  return { scene, plain, topicId, output, start, entries };
}

/** The receiver may not write to the ledger until what this gives is called. */
async function refuseWriting(scene: Scene): Promise<() => Promise<void>> {
  const acl = "org.apache.kafka.tools.AclCommand";
  const what = ["--deny-principal", "User:receiver", "--operation", "Write", "--topic", scene.ledger];
  await kafka.tool(acl, "--add", ...what);
  return async () => void (await kafka.tool(acl, "--remove", "--force", ...what));
}

test("receipts that the brokers refuse are owed until they are written, also after a kill and of files that were taken out", async () => {
  const { scene, output, start, entries } = await prepare();
  const source = await scene.folder("source");
  const uploader = await scene.uploader(source, {
    uploader: { after: "delete", after_groups: [scene.group] },
  });
  let agent = await start();
  await writeFile(join(source, "first"), "first");
  await waitUntil("the first is delivered and deleted", () => !existsSync(join(source, "first")), {
    detail: () => `${uploader.report()}${agent.report()}`,
  });
  const giveBack = await refuseWriting(scene);
  for (const name of ["second", "third"]) await writeFile(join(source, name), name);
  const refused = /writing to the ledger|producing to .*ledger/;
  const isToldOf = async (http: AgentHttp) => {
    const response = await http.get("/readyz");
    const body = await response.text();
    return response.status === 503 && /deny this user the topic/.test(body);
  };
  let http = await AgentHttp.of(agent);
  // Whichever is whole first: the other one has its name by then if it was whole at the same moment, else once that is over.
  const named = () => ["second", "third"].filter((name) => existsSync(join(output, "uploader", name)));
  await waitUntil(
    "one of them has its name and /readyz says what is refused",
    async () => named().length > 0 && (await isToldOf(http)),
    { detail: () => agent.report() },
  );
  expect(agent.output).toMatch(refused);
  const [taken = ""] = named();
  await rm(join(output, "uploader", taken));
  await agent.kill();
  agent = await start();
  http = await AgentHttp.of(agent);
  await waitUntil("it is told again", () => isToldOf(http), { detail: () => agent.report() });
  expect(agent.output).not.toContain("works again");
  expect([existsSync(join(source, "second")), existsSync(join(source, "third"))]).toEqual([true, true]);
  await giveBack();
  await waitUntil(
    "both are deleted at the source",
    () => !existsSync(join(source, "second")) && !existsSync(join(source, "third")),
    {
      detail: () => `${uploader.report()}${agent.report()}`,
    },
  );
  await http.waitForReadiness(true);
  // Nothing was fetched again for that.
  expect(named()).toEqual(["second", "third"].filter((name) => name !== taken));
  expect((await entries()).filter((key) => key.startsWith("delivered/")).length).toBeGreaterThan(0);
});

test("a request that the brokers refuse is written when they take it again, and the log is read once for it", async () => {
  const { scene, plain, topicId, start, entries } = await prepare();
  const content = Buffer.alloc(20_000, "x");
  const file = { uploader: "till", path: "a.bin", content, chunkBytes: 5_000, topicId };
  const agent = await start();
  await waitUntil("the group has begun", async () => (await entries()).includes(`start/${scene.group}`));
  const giveBack = await refuseWriting(scene);
  await plain.produce(scene.topic, chunksOf(file).slice(1));
  await plain.produce(scene.ledger, [fileEntry(file, { topicId, offset: 2, from: `${topicId} 0@0` })]);
  await agent.waitForLine(/deny this user the topic/);
  await giveBack();
  await waitUntil("it is asked for", async () => (await entries()).some((key) => key.startsWith("needs/")), {
    detail: () => agent.report(),
  });
  await agent.waitForLine(/writing to the ledger: works again/);
  expect(agent.output.match(/not all of it has arrived/g)).toHaveLength(1);
});

test("the receipt of a failure that the brokers refuse is owed, and the session goes on", async () => {
  const { scene, plain, topicId, start, entries } = await prepare();
  const content = Buffer.alloc(20_000, "x");
  const file = { uploader: "till", path: "a.bin", content, chunkBytes: 5_000, topicId };
  const agent = await start();
  await waitUntil("the group has begun", async () => (await entries()).includes(`start/${scene.group}`));
  const giveBack = await refuseWriting(scene);
  // Too large for it from now on.
  expect((await run(["prlimit", `--pid=${agent.pid}`, "--fsize=8000"])).code).toBe(0);
  await plain.produce(scene.topic, chunksOf(file));
  await plain.produce(scene.ledger, [fileEntry(file, { topicId, offset: 3, from: `${topicId} 0@0` })]);
  await agent.waitForLine(/writing to the ledger: .*deny this user the topic/);
  const http = await AgentHttp.of(agent);
  await waitUntil("/readyz says what is refused", async () => {
    const response = await http.get("/readyz");
    return response.status === 503 && /deny this user the topic/.test(await response.text());
  });
  await giveBack();
  await waitUntil(
    "it is written",
    async () => (await entries()).some((key) => key.startsWith(`failed/${scene.group}/till/`)),
    { detail: () => agent.report() },
  );
  await agent.waitForLine(/writing to the ledger: works again/);
  await http.waitForReadiness(true);
  expect(agent.output.match(/a\.bin: failed: it is larger/g)).toHaveLength(1);
  expect(agent.output).not.toContain("downloading: ");
  expect((await entries()).filter((key) => key.startsWith("needs/"))).toEqual([]);
});
