/** Files sent once from the command line, on the real executable and a real broker. */
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { executable } from "../support/agent-process.ts";
import { findItems } from "../support/find.ts";
import { headerOf } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

/** With a configuration that has a name, and neither a role nor a watch. */
async function sendArguments(scene: Scene, args: readonly string[], kafka = {}): Promise<string[]> {
  const topics = { topic: scene.topic, ledger: scene.ledger, ledger_partitions: 4 };
  const config = await scene.configuration({
    name: "till",
    kafka: { brokers: scene.brokers, ...topics, ...kafka },
  });
  return ["send", ...args, "--config", config];
}

async function send(scene: Scene, ...args: readonly string[]) {
  const agent = scene.agent(await sendArguments(scene, args));
  const code = await agent.waitForExit(120_000);
  return { code, out: agent.output, err: agent.errors };
}

async function fetchAll(scene: Scene, output: string): Promise<void> {
  const agent = await scene.downloader(output, { args: ["--once"] });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
}

/** Names beside others that the ledger has entries of. */
async function uploaderNames(scene: Scene): Promise<string[]> {
  const entries = await (await scene.kafka()).readAll(scene.ledger);
  const named = entries.flatMap(({ key }) => /^name\/(.+~\d+)$/.exec(key)?.[1] ?? []);
  return [...new Set(named)];
}

test("files and folders arrive under the name, beside a running agent of that name", async () => {
  const scene = await openScene();
  const [watch, source, output] = [
    await scene.folder("watch"),
    await scene.folder("source"),
    await scene.folder("output"),
  ];
  const running = await scene.uploader(watch, { name: "till" });
  await writeFile(join(watch, "watched.txt"), "by the agent");
  await running.waitForLine(/watched\.txt: successfully processed/);
  await mkdir(join(source, "photos"));
  for (const [name, content] of Object.entries({
    ".hidden": "named",
    "report.pdf": "a report",
    "photos/a.jpg": "a",
    "photos/.thumbs": "not named",
  }))
    await writeFile(join(source, name), content);
  const sent = await send(
    scene,
    join(source, ".hidden"),
    join(source, "report.pdf"),
    join(source, "photos"),
    join(source, "missing"),
  );
  expect(sent.code, sent.err).toBe(1);
  expect(sent.err).toBe(`${join(source, "missing")}: no such file or folder\n`);
  expect(sent.out.trimEnd().split("\n").sort()).toEqual([
    ".hidden: sent, 5 bytes",
    "3 files sent as till, 14 B",
    "photos/a.jpg: sent, 1 bytes",
    "report.pdf: sent, 8 bytes",
  ]);
  const content = await send(scene, `${join(source, "photos")}/`, "--under", "2025", "--as", "office");
  expect(content).toEqual({
    ...{ code: 0, err: "" },
    out: "2025/a.jpg: sent, 1 bytes\n1 file sent as office, 1 B\n",
  });
  await fetchAll(scene, output);
  const arrived = (name: string) => readFile(join(output, name), "utf8");
  expect(await arrived("till/.hidden")).toBe("named");
  expect(await arrived("till/report.pdf")).toBe("a report");
  expect(await arrived("till/photos/a.jpg")).toBe("a");
  expect(await arrived("till/watched.txt")).toBe("by the agent");
  expect(await arrived("office/2025/a.jpg")).toBe("a");
  expect(arrived("till/photos/.thumbs")).rejects.toThrow();
  // Each once, under the name that it is filed under.
  const items = await findItems(scene, "--uploader", "till");
  expect([...items.keys()].sort()).toEqual([".hidden", "photos/a.jpg", "report.pdf", "watched.txt"]);
  expect(new Set([...items.values()].map(({ uploader, source }) => `${uploader} ${source}`))).toEqual(
    new Set(["till present"]),
  );
  expect(running.output).not.toContain("report.pdf");
});

test("the same command once more sends nothing again, and what was changed as a newer version", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const file = join(source, "a.txt");
  await writeFile(file, "first");
  expect((await send(scene, file)).out).toBe("a.txt: sent, 5 bytes\n1 file sent as till, 5 B\n");
  expect((await send(scene, file)).out).toBe("a.txt: was sent before, 5 bytes\n1 file sent as till, 5 B\n");
  await writeFile(file, "the second");
  const { out } = await send(scene, file, "--json");
  expect(JSON.parse(out)).toEqual({
    ...{ uploader: "till", path: "a.txt", version: expect.any(Number), size: 10 },
    ...{ state: "sent", before: false },
  });
  await fetchAll(scene, output);
  expect(await readFile(join(output, "till/a.txt"), "utf8")).toBe("the second");
});

test("what was sent last of a path is what stands there, whoever of the name has sent it", async () => {
  const scene = await openScene();
  const [watch, source, output] = [
    await scene.folder("watch"),
    await scene.folder("source"),
    await scene.folder("output"),
  ];
  const running = await scene.uploader(watch, { name: "till" });
  await writeFile(join(watch, "a.txt"), "of the agent");
  await running.waitForLine(/a\.txt: successfully processed/);
  await writeFile(join(source, "a.txt"), "sent by hand");
  expect((await send(scene, join(source, "a.txt"))).code).toBe(0);
  await fetchAll(scene, output);
  expect(await readFile(join(output, "till/a.txt"), "utf8")).toBe("sent by hand");
  const before = (await findItems(scene)).get("a.txt")?.version ?? Number.POSITIVE_INFINITY;
  await writeFile(join(watch, "a.txt"), "of the agent, and newer");
  await running.waitForLine(/a\.txt: successfully processed(?:.|\n)*a\.txt: successfully processed/);
  expect((await findItems(scene)).get("a.txt")?.version).toBeGreaterThan(before);
  await fetchAll(scene, output);
  expect(await readFile(join(output, "till/a.txt"), "utf8")).toBe("of the agent, and newer");
});

test("a group that already has the newer file does not take the older one for it", async () => {
  const scene = await openScene();
  const [watch, source, output] = [
    await scene.folder("watch"),
    await scene.folder("source"),
    await scene.folder("output"),
  ];
  await writeFile(join(watch, "a.txt"), "older, and of the agent");
  const agent = await scene.uploader(watch, { name: "till", args: ["--once"] });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  await writeFile(join(source, "a.txt"), "newer");
  expect((await send(scene, join(source, "a.txt"))).code).toBe(0);
  await fetchAll(scene, output);
  const again = scene.agent([
    "redeliver",
    "till/**",
    "--config",
    await scene.configuration({
      role: "downloader",
      kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger },
      downloader: { output, group: scene.group },
    }),
  ]);
  expect(await again.waitForExit(), again.report()).toBe(0);
  await fetchAll(scene, output);
  expect(await readFile(join(output, "till/a.txt"), "utf8")).toBe("newer");
});

test("what was sent before is sent once more where another one of the name has sent something newer of the path", async () => {
  const scene = await openScene();
  const [watch, source, output] = [
    await scene.folder("watch"),
    await scene.folder("source"),
    await scene.folder("output"),
  ];
  await writeFile(join(source, "a.txt"), "by hand");
  expect((await send(scene, join(source, "a.txt"))).out).toContain("a.txt: sent, 7 bytes");
  await writeFile(join(watch, "a.txt"), "of the agent");
  const agent = await scene.uploader(watch, { name: "till", args: ["--once"] });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  await fetchAll(scene, output);
  expect(await readFile(join(output, "till/a.txt"), "utf8")).toBe("of the agent");
  expect((await send(scene, join(source, "a.txt"))).out).toContain("a.txt: sent, 7 bytes");
  expect((await send(scene, join(source, "a.txt"))).out).toContain("a.txt: was sent before, 7 bytes");
  await fetchAll(scene, output);
  expect(await readFile(join(output, "till/a.txt"), "utf8")).toBe("by hand");
});

test("what was sent last and is lost takes nothing away: the agent's own file arrives, and only then its source goes", async () => {
  const scene = await openScene();
  const [watch, source, output] = [
    await scene.folder("watch"),
    await scene.folder("source"),
    await scene.folder("output"),
  ];
  const options = { name: "till", uploader: { after: "delete", after_groups: [scene.group] } };
  const before = await scene.uploader(watch, options);
  await writeFile(join(watch, "first.txt"), "the group has begun with it");
  await before.waitForLine(/first\.txt: successfully processed/);
  await fetchAll(scene, output);
  await writeFile(join(watch, "a.txt"), "of the agent");
  await before.waitForLine(/a\.txt: successfully processed/);
  await before.kill();
  await writeFile(join(source, "a.txt"), "by hand, and lost");
  expect((await send(scene, join(source, "a.txt"))).code).toBe(0);
  await (await scene.kafka()).expireAll(scene.topic);
  const agent = await scene.uploader(watch, options);
  const downloader = await scene.downloader(output);
  await agent.waitForLine(/a\.txt: deleted, as it is delivered/);
  const arrived = await readFile(join(output, "till/a.txt"), "utf8").catch(() => downloader.report());
  expect(arrived).toBe("of the agent");
});

test("with --wait it ends once that group has stored all, and not before", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(source, "a.txt"), "awaited");
  const agent = scene.agent(await sendArguments(scene, [join(source, "a.txt"), "--wait", scene.group]));
  await agent.waitForLine(/a\.txt: sent, 7 bytes/);
  expect(agent.output).not.toContain("stored");
  await fetchAll(scene, output);
  expect(await agent.waitForExit(60_000), agent.report()).toBe(0);
  expect(agent.output).toEndWith(`1 file sent as till, 7 B, and group ${scene.group} has stored them\n`);
});

test("interrupted while something is not stored it exits 1, and waits on as the same command", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(source, "a.txt"), "awaited");
  const args = await sendArguments(scene, [join(source, "a.txt"), "--wait", scene.group]);
  const agent = scene.agent(args);
  await agent.waitForLine(/a\.txt: sent, 7 bytes/);
  agent.signal("SIGINT");
  expect(await agent.waitForExit(60_000), agent.report()).toBe(1);
  expect(agent.errors).toContain("the same command goes on where this one was");
  await fetchAll(scene, output);
  const again = scene.agent(args);
  expect(await again.waitForExit(60_000), again.report()).toBe(0);
  expect(again.output).toContain("a.txt: was sent before, 7 bytes");
});

test("other attributes are a newer version, the same ones are not", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const file = join(source, "a.txt");
  await writeFile(file, "measured");
  const versionOf = async () => (await findItems(scene)).get("a.txt")?.version;
  expect((await send(scene, file, "--attribute", "run=1")).out).toContain("a.txt: sent, 8 bytes");
  const first = await versionOf();
  expect((await send(scene, source, "--attribute", "run=1")).out).toContain("/a.txt: sent, 8 bytes");
  expect((await send(scene, file, "--attribute", "run=1")).out).toContain("a.txt: was sent before");
  expect(await versionOf()).toBe(first);
  expect((await send(scene, file, "--attribute", "run=2")).out).toContain("a.txt: sent, 8 bytes");
  expect(await versionOf()).toBeGreaterThan(first ?? Number.POSITIVE_INFINITY);
});

test("several at the same time send as one, and names are used again", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const all = ["a", "b", "c", "d"];
  for (const name of all) await writeFile(join(source, name), `of ${name}`);
  const sent = await Promise.all(all.map((name) => send(scene, join(source, name))));
  for (const { code, err } of sent) expect({ code, err }).toEqual({ code: 0, err: "" });
  await writeFile(join(source, "e"), "of e");
  expect((await send(scene, join(source, "e"))).code).toBe(0);
  await fetchAll(scene, output);
  for (const name of [...all, "e"])
    expect(await readFile(join(output, "till", name), "utf8")).toBe(`of ${name}`);
  const names = await uploaderNames(scene);
  expect(names).toContain("till~0");
  expect(names.length).toBeLessThanOrEqual(all.length);
});

test("interrupted in the middle of a file the same command goes on there", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const content = Buffer.alloc(20_000_000, randomBytes(100_003));
  await writeFile(join(source, "large"), content);
  const all = content.length / 200_000;
  const args = [join(source, "large"), "--set", "uploader.chunk=200000"];
  const slow = ["--set", "uploader.rate=4MB/s", "--set", "shutdown_timeout=1s"];
  const agent = scene.agent(await sendArguments(scene, [...args, ...slow]));
  const kafka = await scene.kafka();
  const begun = async () => (await kafka.endOffsets(scene.topic).catch(() => [0]))[0] ?? 0;
  await waitUntil("some chunks are there", async () => (await begun()) > all / 3);
  agent.signal("SIGINT");
  expect(await agent.waitForExit(), agent.report()).toBe(1);
  const before = await begun();
  expect(before).toBeLessThan(all);
  expect(await send(scene, ...args)).toEqual({
    ...{ code: 0, err: "" },
    out: "large: sent, 20000000 bytes\n1 file sent as till, 20.0 MB\n",
  });
  const chunks = await kafka.readAll(scene.topic);
  expect(new Set(chunks.map((chunk) => headerOf(chunk, "version"))).size).toBe(1);
  // What was under way as it ended may come again, and no more.
  expect(chunks.length).toBeLessThan(all + before);
  await fetchAll(scene, output);
  expect((await readFile(join(output, "till/large"))).equals(content)).toBe(true);
});

test("without a broker it waits, and a signal ends it with exit code 1, a second one at once", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "waits");
  const nobody = { brokers: "127.0.0.1:1" };
  const agent = scene.agent(await sendArguments(scene, [join(source, "a.txt")], nobody));
  await waitUntil("it says what it waits for", () => agent.errors.includes("127.0.0.1:1"));
  agent.signal("SIGINT");
  await waitUntil(
    "it has heard that",
    () => agent.errors.includes("once more ends at once") || !agent.isRunning,
  );
  agent.signal("SIGINT");
  expect(await agent.waitForExit(60_000), agent.report()).toBe(1);
  expect(agent.output).toBe("");
});

test("on a terminal there is a bar for what is under way, and none is left behind", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "large"), Buffer.alloc(6_000_000));
  const args = await sendArguments(scene, [join(source, "large"), "--set", "uploader.rate=2MB/s"]);
  const typescript = join(await scene.folder("terminal"), "typescript");
  const command = [executable, ...args].map((word) => `'${word}'`).join(" ");
  const run = Bun.spawn(["script", "-qec", command, typescript], {
    env: { PATH: process.env.PATH ?? "", TERM: "xterm" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  expect(await run.exited).toBe(0);
  const shown = await readFile(typescript, "utf8");
  expect(shown).toMatch(/large +\d+% \[=+ +\] +\d\.\d MB of 6\.0 MB/);
  expect(shown).toContain("large: sent, 6000000 bytes");
  const last = shown.slice(shown.lastIndexOf("large: sent"));
  expect(last).not.toContain("[=");
});

test("a missing topic is one line, and exit code 1", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "nowhere to go");
  const args = await sendArguments(scene, [join(source, "a.txt")], { create_topics: false });
  const agent = scene.agent(args);
  expect(await agent.waitForExit(60_000)).toBe(1);
  expect(agent.errors.trimEnd().split("\n")).toHaveLength(1);
  expect(agent.errors).toContain(scene.topic);
  expect(agent.output).toBe("");
});
