/** Whoever may write to the topic may write anything: nobody gets out of the output, and nothing stops. */
import { expect, test } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { listFiles, run } from "../support/compare.ts";
import { chunksOf, withHeader } from "../support/hand-made.ts";
import type { PlainRecord } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";

const openScene = useScenes();

const content = Buffer.from("hello");
const good = (path: string) => chunksOf({ uploader: "u", path, content })[0] as PlainRecord;

/** Produces the records and a good file behind them, and receives it all into a folder of a folder. */
async function receive(scene: Scene, records: readonly PlainRecord[]) {
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  const around = await scene.folder("around");
  const output = join(around, "output");
  await mkdir(output);
  await kafka.produce(scene.topic, [...records, good("good.txt")]);
  return { around, output, start: () => scene.downloader(output) };
}

test("paths that lead out of the output, or into .streamsend, are refused and touch nothing", async () => {
  const scene = await openScene();
  const target = await scene.folder("target");
  const paths = [
    "../escaped.txt",
    "../../escaped.txt",
    "a/../../../escaped.txt",
    "%2E%2E/%2e%2e/escaped.txt",
    join(target, "absolute.txt"),
    "/absolute.txt",
    "..",
    "a//b",
    "./a",
    "nul%00.txt",
    "",
    "x".repeat(256),
    `${"long/".repeat(900)}a`,
    ".streamsend/evil",
    "a/.STREAMSEND/evil",
  ];
  const { around, output, start } = await receive(scene, paths.map(good));
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  expect(await listFiles(output)).toEqual(["u/good.txt 5 1744741849.2021234560"]);
  expect((await run(["ls", "-A", around])).output).toBe("output\n");
  expect(await listFiles(target)).toEqual([]);
  expect((await run(["find", ".streamsend", "-name", "*evil*"], { cwd: output })).output).toBe("");
  for (const path of ["escaped.txt", "nul", ".streamsend/evil"]) {
    expect(agent.messages.some((message) => message.includes(path) && /refus/i.test(message))).toBe(true);
  }
});

test("a refused file is logged once, however many chunks it has", async () => {
  const scene = await openScene();
  const file = { uploader: "u", path: "../escaped.bin", content: Buffer.alloc(50_000, 1), chunkBytes: 1_000 };
  const { start } = await receive(scene, chunksOf({ ...file, topicId: "AAAAAAAAAAAAAAAAAAAAAA" }));
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  expect(agent.messages.filter((message) => message.includes("escaped.bin"))).toHaveLength(1);
});

test("a path through a symbolic link in the output is refused: what it leads to is not touched", async () => {
  const scene = await openScene();
  const outside = await scene.folder("outside");
  await writeFile(join(outside, "there.txt"), "as it was");
  const { output, start } = await receive(
    scene,
    ["link/new.txt", "link/there.txt", "file-link.txt"].map(good),
  );
  await mkdir(join(output, "u"));
  await symlink(outside, join(output, "u/link"));
  await symlink(join(outside, "there.txt"), join(output, "u/file-link.txt"));
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  expect((await run(["ls", "-A", outside])).output).toBe("there.txt\n");
  expect(await Bun.file(join(outside, "there.txt")).text()).toBe("as it was");
});

test("uploaders' names that are no names are broken records", async () => {
  const scene = await openScene();
  const names = ["..", ".", "", ".streamsend", "a/b", "/etc", "-a", "x".repeat(201)];
  const records = names.map((name) => withHeader(good("a.txt"), "uploader", name));
  const { around, output, start } = await receive(scene, records);
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  expect(await listFiles(output)).toEqual(["u/good.txt 5 1744741849.2021234560"]);
  expect((await run(["ls", "-A", around])).output).toBe("output\n");
});

test("foreign and broken records are skipped, and consuming goes on", async () => {
  const scene = await openScene();
  const headers = (...list: Record<string, string>[]) => ({ key: "k", value: content, headers: list });
  const records: PlainRecord[] = [
    headers(),
    headers({ traceparent: "00-1-2-00" }),
    { key: "", value: null, headers: [] },
    headers({ streamsend: "1" }),
    headers({ streamsend: "" }),
    headers({ streamsend: "one" }),
    headers({ streamsend: "0" }),
    ...["uploader", "path", "version", "offset", "size", "mtime", "crc32", "chunk", "checksum", "last"].map(
      (name) => withHeader(good(`without-${name}.txt`), name, undefined),
    ),
    withHeader(good("size.txt"), "size", "4"),
    withHeader(good("size.txt"), "size", "99999999999999999999"),
    withHeader(good("offset.txt"), "offset", "9007199254740991"),
    withHeader(good("version.txt"), "version", "-1"),
    withHeader(good("mtime.txt"), "mtime", "yesterday"),
    withHeader(good("path.txt"), "path", "%zz"),
    withHeader(good("checksum.txt"), "checksum", "md5:hello"),
    { ...good("empty.txt"), value: Buffer.alloc(0) },
    { ...good("no-value.txt"), value: null },
    { ...good("twice.txt"), headers: [...good("twice.txt").headers, { size: "6" }] },
  ];
  // Nothing special to Kafka, but to JavaScript.
  const prototype = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  records.push({ ...good("prototype.txt"), headers: [prototype, ...good("prototype.txt").headers] });
  const { output, start } = await receive(scene, records);
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  const paths = (await listFiles(output)).map((line) => line.split(" ")[0]);
  expect(paths).toEqual(["u/good.txt", "u/prototype.txt"]);
  expect(agent.output).toMatch(/skipped/i);
  expect(agent.isRunning).toBe(true);
});

test("records of a newer format are parked and reported, and consuming goes on", async () => {
  const scene = await openScene();
  const records = [
    withHeader(good("from-the-future.txt"), "streamsend", "2"),
    withHeader(good("secret.txt"), "!encrypted", "1"),
  ];
  const { output, start } = await receive(scene, records);
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  await agent.waitForLine(/parked/i);
  expect(await listFiles(output)).toEqual(["u/good.txt 5 1744741849.2021234560"]);
});

test("a chunk whose bytes were changed on the way is not stored", async () => {
  const scene = await openScene();
  const { output, start } = await receive(scene, [{ ...good("changed.txt"), value: Buffer.from("hellO") }]);
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  await agent.waitForLine(/changed\.txt.*(corrupt|CRC)/i);
  expect(await listFiles(output)).toEqual(["u/good.txt 5 1744741849.2021234560"]);
});

test("a file where a folder must be, and a folder where a file must be, fail for themselves only", async () => {
  const scene = await openScene();
  const { output, start } = await receive(scene, ["file/under.txt", "folder"].map(good));
  await mkdir(join(output, "u/folder"), { recursive: true });
  await writeFile(join(output, "u/folder/inside.txt"), "inside");
  await writeFile(join(output, "u/file"), "a file");
  const agent = await start();
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  await agent.waitForLine(/u\/file\/under\.txt/);
  const paths = (await listFiles(output)).map((line) => line.split(" ")[0]);
  expect(paths).toEqual(["u/file", "u/folder/inside.txt", "u/good.txt"]);
});

test("a path that is longer than this destination can hold fails for itself only", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic);
  const output = join(await scene.folder("around"), "x".repeat(200));
  await mkdir(output);
  await kafka.produce(scene.topic, [`${"y".repeat(249)}/`.repeat(16).slice(0, -1), "good.txt"].map(good));
  const agent = await scene.downloader(output);
  await agent.waitForLine(/u\/good\.txt: merge complete/);
  await agent.waitForLine(/yyy.*failed/);
  expect(await listFiles(output)).toEqual(["u/good.txt 5 1744741849.2021234560"]);
});
