/** Where files are, as `find` says it from the ledger, on the real executable and a real broker. */
import { expect, test } from "bun:test";
import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { executable } from "../support/agent-process.ts";
import { find, findArguments, findItems } from "../support/find.ts";
import { freePort } from "../support/free-port.ts";
import { failed, fileAsNoted, request } from "../support/hand-made-ledger.ts";
import { outcomeOf } from "../support/outcome.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";

const openScene = useScenes();

async function send(scene: Scene, source: string, name = "till", uploader: Settings = {}): Promise<void> {
  const agent = await scene.uploader(source, { name, args: ["--once"], uploader });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
}

async function fetchAll(scene: Scene, group = scene.group): Promise<void> {
  const output = await scene.folder("output");
  const agent = await scene.downloader(output, { args: ["--once"], downloader: { group } });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
}

async function write(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
}

test("a file is sent, then delivered to each group that has stored it, and gone when its source is", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await write(source, { "a.txt": "first", "b.txt": "second" });
  await send(scene, source);
  const sent = (await findItems(scene)).get("a.txt");
  expect(sent).toEqual({
    ...{ uploader: "till", path: "a.txt", version: expect.any(Number), size: 5, state: "sent" },
    ...{ acknowledged: 5, time: expect.stringMatching(/^20\d\d-.*T.*Z$/), groups: [], source: "present" },
  });
  // The brokers of the tests have this machine's clock.
  expect(Math.abs(Date.parse(sent?.time ?? "") - Date.now())).toBeLessThan(600_000);
  await unlink(join(source, "b.txt"));
  await send(scene, source);
  expect((await findItems(scene)).get("b.txt")).toMatchObject({ state: "gone", source: "gone" });
  await fetchAll(scene);
  await fetchAll(scene, `another-${scene.group}`);
  const said = { state: "delivered", time: expect.stringMatching(/^20\d\d-.*T.*Z$/), reason: null };
  const groups = [`another-${scene.group}`, scene.group].map((group) => ({ group, ...said }));
  const after = await findItems(scene);
  expect(after.get("a.txt")).toEqual({ ...sent, state: "delivered", groups } as never);
  expect(after.get("b.txt")).toMatchObject({ state: "delivered", source: "gone", groups });
});

test("a newer version takes the place of the one before, and nobody has that yet", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await write(source, { "a.txt": "first" });
  await send(scene, source);
  await fetchAll(scene);
  const before = (await findItems(scene)).get("a.txt");
  await write(source, { "a.txt": "the second one" });
  await send(scene, source);
  const { out } = await find(scene, "--json");
  expect(out.trimEnd().split("\n")).toHaveLength(1);
  const after = JSON.parse(out);
  expect(after).toMatchObject({ path: "a.txt", size: 14, state: "sent", groups: [] });
  expect(after.version).toBeGreaterThan(before?.version ?? Number.POSITIVE_INFINITY);
});

test("what failed, is asked for, is being sent, or was given up is told, with what is known of it", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.ledger, 1, {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
  });
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = {
    topic: "n8XqQ1tHQbGqGL8hUaTcAw",
    partition: 0,
    offset: 0,
    checksum: `md5:${"a".repeat(32)}`,
  };
  const noted = (path: string, version: number, says: object) =>
    fileAsNoted("till", { path, version, ...{ size: 40_000_000, ...times, ...says } });
  const id = (path: string, version: number) => ({ uploader: "till", path, version });
  await kafka.produce(scene.ledger, [
    noted("needed", 1001, { state: "sent", ...where }),
    noted("failed", 1002, { state: "sent", ...where }),
    noted("sending", 1003, { state: "sending", acknowledged: 17_000_000 }),
    noted("given-up", 1004, { state: "abandoned", reason: "it was replaced" }),
    request("hub", id("needed", 1001), [[0, 5]]),
    failed("hub", id("failed", 1002), "file name\ntoo long"),
    request("archive", id("failed", 1002), [[0, 5]]),
  ]);
  const items = await findItems(scene);
  expect([...items.keys()]).toEqual(["given-up", "sending", "failed", "needed"]);
  const time = expect.stringMatching(/Z$/);
  expect(items.get("needed")).toMatchObject({
    state: "needed",
    groups: [{ group: "hub", state: "needed", time, reason: null }],
  });
  expect(items.get("failed")).toMatchObject({
    state: "failed",
    acknowledged: 40_000_000,
    groups: [
      { group: "archive", state: "needed" },
      { group: "hub", state: "failed", time, reason: "file name\ntoo long" },
    ],
  });
  expect(items.get("sending")).toMatchObject({ state: "sending", acknowledged: 17_000_000, groups: [] });
  expect(items.get("given-up")).toMatchObject({
    state: "failed",
    acknowledged: 0,
    reason: "it was replaced",
  });
  const at = "1970-01-01T00:00:00Z";
  expect((await find(scene)).out).toBe(
    [
      "TIME                  STATE    SOURCE       SIZE  UPLOADER  GROUPS                     PATH",
      `${at}  failed   present  40000000  till      -                          given-up  (given up: it was replaced)`,
      `${at}  sending  present  40000000  till      -                          sending  (17000000 of 40000000 bytes acknowledged)`,
      `${at}  failed   present  40000000  till      archive=needed,hub=failed  failed  (hub: file name\\x0atoo long)`,
      `${at}  needed   present  40000000  till      hub=needed                 needed`,
      "",
    ].join("\n"),
  );
});

test("GLOB is on the path as people see it, --uploader on the name", async () => {
  const scene = await openScene();
  const [source, other] = [await scene.folder("source"), await scene.folder("other")];
  await write(source, { "line\nbreak.txt": "a", "100%.txt": "b", "😀.txt": "c", plain: "d" });
  await writeFile(Buffer.from(`${source}/caf\xe9.txt`, "latin1"), "e");
  await write(other, { plain: "f" });
  await send(scene, source, "till-1");
  await send(scene, other, "till-2");
  const paths = async (...args: string[]) => [...(await findItems(scene, ...args)).keys()].sort();
  const all = ["100%25.txt", "caf%E9.txt", "line%0Abreak.txt", "plain", "😀.txt"];
  expect(await paths()).toEqual(all);
  expect(await paths("--uploader", "till-2")).toEqual(["plain"]);
  expect(await paths("*.txt")).toEqual(all.filter((path) => path !== "plain"));
  expect(await paths("line*break.txt")).toEqual(["line%0Abreak.txt"]);
  expect(await paths("100%.txt", "--uploader", "till-1")).toEqual(["100%25.txt"]);
  expect(await paths("caf?.txt")).toEqual(["caf%E9.txt"]);
  expect(await paths("😀*")).toEqual(["😀.txt"]);
  const { out } = await find(scene, "*.txt");
  const shown = out
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/ {2,}/).at(-1) ?? "");
  expect(shown.sort()).toEqual(["100%.txt", "caf\\xe9.txt", "line\\x0abreak.txt", "😀.txt"]);
  const nothing = await find(scene, "plain.*", "--uploader", "till-1");
  expect(nothing).toEqual({
    code: 1,
    out: "",
    err: `streamsend-agent: ${scene.ledger} knows no file of uploader till-1 that "plain.*" fits; a file in a folder is found by "**/plain.*"\n`,
  });
  expect((await find(scene, "--json", "--uploader", "till-3")).err).toBe(
    `streamsend-agent: ${scene.ledger} knows no file of uploader till-3\n`,
  );
});

test("it leaves nothing behind, and works beside the agent of its configuration's name", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await write(source, { "a.txt": "a" });
  const agent = await scene.uploader(source, { name: "till" });
  await agent.waitForLine(/a\.txt: successfully processed/);
  const kafka = await scene.kafka();
  const before = await kafka.endOffsets(scene.ledger);
  const config = await scene.configuration({
    role: "uploader",
    name: "till",
    kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger },
    // Somebody else's, on another machine: it is not looked at.
    uploader: { watch: [{ path: "/nowhere" }, { path: "/usr/share" }] },
  });
  const { code, out, err } = await outcomeOf(scene.agent(["find", "--config", config]));
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^TIME .*\n\S+ {2}sent +present +1 +till +- +a\.txt\n$/);
  expect(await kafka.endOffsets(scene.ledger)).toEqual(before);
  expect(agent.isRunning).toBe(true);
});

test("a reader that has enough ends it quietly", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const noted = (at: number) => ({
    ...{ path: `${"folder/".repeat(30)}${at}`, version: 1000 + at, state: "sending" as const, size: 1 },
    ...times,
  });
  await kafka.produce(
    scene.ledger,
    Array.from({ length: 2000 }, (_, at) => fileAsNoted("till", noted(at))),
  );
  const script = 'set -o pipefail; "$@" | head -n 2; echo "$?"';
  const args = await findArguments(scene, []);
  const { stdout, stderr } = Bun.spawnSync(["bash", "-c", script, "bash", executable, ...args], {
    env: { PATH: process.env.PATH ?? "" },
  });
  expect(stderr.toString()).toBe("");
  const lines = stdout.toString().trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect([lines[0]?.slice(0, 4), lines[2]]).toEqual(["TIME", "0"]);
});

test("without the topic, or a usable command line, it says so in a line", async () => {
  const scene = await openScene();
  expect(await find(scene)).toEqual({
    code: 1,
    out: "",
    err: `streamsend-agent: topic ${scene.ledger} is missing: nothing was sent yet\n`,
  });
  const several = await find(scene, "a.txt", "b.txt");
  expect([several.code, several.err]).toEqual([
    2,
    "streamsend-agent: find takes one GLOB: quote it for the shell (see streamsend-agent find --help)\n",
  ]);
  const config = await scene.configuration({ kafka: { topic: "a b" }, role: "cook" });
  const wrong = await outcomeOf(scene.agent(["find", "--config", config]));
  expect([wrong.code, wrong.err.split("\n").map((line) => line.split(":")[0])]).toEqual([
    2,
    ["role", "kafka.topic", ""],
  ]);
});

test("without any broker it gives up after half a minute, in a line", async () => {
  const scene = await openScene();
  const brokers = `127.0.0.1:${await freePort()}`;
  const { code, out, err } = await outcomeOf(scene.agent(await findArguments(scene, [], { brokers })));
  expect([code, out]).toEqual([1, ""]);
  expect(err).toMatch(/^streamsend-agent: .*no broker can be reached.*\n$/);
});
