/** The ledger goes away under running agents: alone, or with the whole cluster; or it may not be written for a while. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);
let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka({
    settings: {
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "allow.everyone.if.no.acl.found": "true",
      "super.users": "User:NOBODY",
    },
  });
});

afterAll(() => kafka.stop());

/** What the ledger knows of files that were sent, by path. */
async function sentFiles(scene: Scene): Promise<string[]> {
  const entries = compacted(await (await scene.kafka()).readAll(scene.ledger).catch(() => []));
  const isSent = (value: unknown) => (value as { state?: string }).state === "sent";
  return [...entries].filter(([key, value]) => key.startsWith("file/") && isSent(value)).map(([key]) => key);
}

test("only the ledger is deleted: it is made again, and knows again what was sent", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeTree(source, randomTree(601, { count: 20, levels: 2, maxBytes: 50_000 }));
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await waitUntil("all is noted", async () => (await sentFiles(scene)).length === 20);
  await (await scene.kafka()).deleteTopic(scene.ledger);
  await waitUntil("the ledger knows all of it again", async () => (await sentFiles(scene)).length === 20, {
    timeoutMs: 120_000,
    pollMs: 500,
    detail: () => uploader.report(),
  });
  await writeFile(join(source, "later.txt"), "later");
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const kafka = await scene.kafka();
  const sent = (await kafka.readAll(scene.topic)).filter(({ key }) => key === "uploader/later.txt");
  expect(sent).toHaveLength(1);
  // Nothing was sent twice for it.
  expect(uploader.messages.filter((message) => message.includes("successfully processed"))).toHaveLength(21);
});

test("a cluster that is made anew, empty, under running agents: what nobody has is sent again, and all else goes on", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeTree(source, randomTree(602, { count: 20, levels: 2, maxBytes: 50_000 }));
  const uploader = await scene.uploader(source);
  await waitUntil("all is noted", async () => (await sentFiles(scene)).length === 20);
  await kafka.wipe();
  await writeFile(join(source, "later.txt"), "later");
  const output = await scene.folder("output");
  const downloader = await scene.downloader(output);
  await waitUntil("all of it is sent again", async () => (await sentFiles(scene)).length === 21, {
    timeoutMs: 120_000,
    pollMs: 500,
    detail: () => uploader.report(),
  });
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  uploader.signal("SIGTERM");
  expect(await uploader.waitForExit()).toBe(0);
});

test("a cluster that is made anew, empty: what one group has and another one lacks is sent again", async () => {
  const scene = await openScene();
  const [source, output, mirrored] = (await Promise.all(
    ["source", "output", "mirrored"].map((name) => scene.folder(name)),
  )) as [string, string, string];
  const mirror = { downloader: { group: `${scene.group}-mirror` } };
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  const before = await scene.downloader(mirrored, { name: "mirror", ...mirror });
  await writeFile(join(source, "both.txt"), "both");
  await Promise.all(
    [output, mirrored].map((folder) =>
      expectSameTree(source, join(folder, "uploader"), [uploader, downloader, before]),
    ),
  );
  before.signal("SIGTERM");
  expect(await before.waitForExit()).toBe(0);
  await writeFile(join(source, "one.txt"), "one");
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const receipts = async () =>
    [...compacted(await (await scene.kafka()).readAll(scene.ledger)).keys()].filter((key) =>
      key.startsWith("delivered/"),
    );
  await waitUntil("all is said that is delivered", async () => (await receipts()).length === 3);
  await kafka.wipe();
  const after = await scene.downloader(mirrored, { name: "mirror", ...mirror });
  await expectSameTree(source, join(mirrored, "uploader"), [uploader, after]);
  // As a new file, or as the version that the other group says to have, when this one asks for it.
  const isSent = (message: string) => /^one\.txt: (successfully processed|sending .* again)/.test(message);
  // A new file is there before its uploader has noted that it was sent.
  await waitUntil("it was sent twice", () => uploader.messages.filter(isSent).length === 2, {
    detail: () => uploader.report(),
  });
});

test("a ledger that may not be written for a while: it is said, nothing counts as sent before, and all is noted in the end", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const uploader = await scene.uploader(source, { settings: anyPort });
  const http = await AgentHttp.of(uploader);
  await writeFile(join(source, "before.txt"), "before");
  await uploader.waitForLine(/before\.txt: successfully processed/);
  const acl = (...change: string[]) =>
    kafka.tool("org.apache.kafka.tools.AclCommand", ...change, "--topic", scene.ledger);
  const deny = ["--deny-principal", "User:ANONYMOUS", "--operation", "Write"];
  await acl("--add", "--allow-principal", "User:*", "--operation", "All");
  await acl("--add", ...deny);
  await Promise.all(
    Array.from({ length: 30 }, (_, at) => writeFile(join(source, `during-${at}.txt`), `during ${at}`)),
  );
  await waitUntil("/readyz says it", async () => {
    const { ready, reasons } = (await http.status()) as { ready: boolean; reasons: string[] };
    return !ready && reasons.some((reason) => reason.startsWith("writing to the ledger: "));
  });
  expect(uploader.output).not.toMatch(/during-\d+\.txt: successfully processed/);
  expect(uploader.messages.filter((message) => message.startsWith("writing to the ledger"))).toHaveLength(1);
  await acl("--remove", "--force", ...deny);
  await waitUntil("all is noted", async () => (await sentFiles(scene)).length === 31, {
    pollMs: 500,
    detail: () => uploader.report(),
  });
  await waitUntil("it is ready", async () => (await http.status()).ready === true);
  uploader.signal("SIGTERM");
  expect(await uploader.waitForExit()).toBe(0);
});

test("a ledger with another number of partitions than it was begun with is refused, with the reason", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const first = await scene.uploader(source, { args: ["--once"] });
  expect(await first.waitForExit()).toBe(0);
  await (await scene.kafka()).addPartitions(scene.ledger, 8);
  const output = await scene.folder("output");
  const reason = "has 8 partitions, but was begun with 4, and its entries are spread over those";
  for (const agent of [
    await scene.uploader(source, { args: ["--once"] }),
    await scene.downloader(output, { args: ["--once"] }),
    await scene.uploader(source, { args: ["--dry-run"] }),
  ]) {
    expect(await agent.waitForExit()).toBe(1);
    expect(agent.report()).toContain(reason);
  }
  const config = await scene.configuration({
    role: "downloader",
    kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger },
    downloader: { output, group: scene.group },
  });
  for (const command of [["doctor"], ["redeliver"], ["forget", "uploader", "uploader", "--yes"]]) {
    const agent = scene.agent([...command, "--config", config]);
    expect([command, await agent.waitForExit()]).toEqual([command, 1]);
    expect(agent.report()).toContain(reason);
  }
  expect((await (await scene.kafka()).readAll(scene.topic)).map(({ key }) => key)).toEqual([
    "uploader/a.txt",
  ]);
});
