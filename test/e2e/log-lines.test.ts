import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree, md5sum } from "../support/compare.ts";
import { Random } from "../support/random.ts";
import { type Scene, useScenes } from "../support/scene.ts";

const openScene = useScenes();

/** A file of three chunks, sent and received with these settings of the log. */
async function transfer(scene: Scene, log: { format?: string; chunks?: boolean }) {
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "video 1.avi"), new Random(21).bytes(150_000));
  const options = { settings: { log }, args: ["--once"] };
  const uploader = await scene.uploader(source, {
    ...options,
    uploader: { chunk: 65_536 },
    name: "pos-0042",
  });
  expect(await uploader.waitForExit()).toBe(0);
  const downloader = await scene.downloader(output, { ...options, name: "hub" });
  expect(await downloader.waitForExit()).toBe(0);
  return { uploader, downloader, md5: await md5sum(join(source, "video 1.avi")) };
}

function messagesAbout(agent: AgentProcess, path: string): string[] {
  return agent.messages.filter((message) => message.startsWith(path));
}

test("the log lines that scripts hold on to have their shape", async () => {
  const { uploader, downloader, md5 } = await transfer(await openScene(), {});
  expect(messagesAbout(uploader, "video 1.avi")).toEqual([
    "video 1.avi: 150000 bytes, creating 3 65536-byte chunks",
    "video 1.avi: (00001 of 00003) chunk uploaded",
    "video 1.avi: (00002 of 00003) chunk uploaded",
    "video 1.avi: (00003 of 00003) chunk uploaded",
    "video 1.avi: finished 3 chunk uploads",
    `video 1.avi: successfully processed, md5 checksum ${md5}`,
  ]);
  expect(messagesAbout(downloader, "pos-0042/video 1.avi")).toEqual([
    "pos-0042/video 1.avi (00001/00003): first chunk, downloaded: 65536 bytes",
    "pos-0042/video 1.avi (00002/00003): appended chunk, downloaded: 131072 bytes",
    "pos-0042/video 1.avi (00003/00003): final chunk, downloaded: 150000 bytes",
    `pos-0042/video 1.avi: merge complete, md5 ok ${md5}`,
  ]);
});

test("every line begins with time, level and name", async () => {
  const { uploader, downloader } = await transfer(await openScene(), {});
  const head = (name: string) =>
    new RegExp(`^\\[\\d{8} \\d\\d:\\d\\d:\\d\\d\\.\\d{3}\\] [A-Z]+ \\[${name}\\] .`);
  for (const line of uploader.output.trimEnd().split("\n")) expect(line).toMatch(head("pos-0042"));
  for (const line of downloader.output.trimEnd().split("\n")) expect(line).toMatch(head("hub"));
});

test("the line per chunk can be left out", async () => {
  const { uploader, downloader } = await transfer(await openScene(), { chunks: false });
  expect(uploader.output).not.toContain("chunk uploaded");
  expect(uploader.output).toContain("successfully processed");
  expect(downloader.output).not.toContain("appended chunk");
  expect(downloader.output).toContain("merge complete");
});

test("as JSON each line is one object with time, level, agent, message and the fields", async () => {
  const { uploader, downloader, md5 } = await transfer(await openScene(), { format: "json" });
  const objects = (agent: AgentProcess) =>
    agent.output
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const object of [...objects(uploader), ...objects(downloader)]) {
    expect(object).toMatchObject({ time: expect.any(String), level: expect.any(String) });
    expect(object).toMatchObject({ agent: expect.any(String), message: expect.any(String) });
  }
  const message = `pos-0042/video 1.avi: merge complete, md5 ok ${md5}`;
  const merged = objects(downloader).find((object) => object.message === message);
  expect(merged).toMatchObject({ level: "info", agent: "hub" });
  // Beside the four: for who searches the log by file.
  const fields = { path: "video 1.avi", version: expect.any(Number) };
  expect(merged).toMatchObject({ uploader: "pos-0042", ...fields });
  for (const agent of [uploader, downloader])
    for (const object of objects(agent).filter(({ message }) => / chunk(,| uploaded)/.test(String(message))))
      expect(object).toMatchObject({ ...fields, chunk: expect.any(Number), chunks: expect.any(Number) });
});

test("at start one line says what the agent is about to do", async () => {
  const scene = await openScene();
  const { uploader, downloader } = await transfer(scene, {});
  const [first = ""] = uploader.messages;
  for (const part of ["uploader", "pos-0042", scene.brokers, scene.topic, "source"])
    expect(first).toContain(part);
  const [opening = ""] = downloader.messages;
  for (const part of ["downloader", "hub", scene.brokers, scene.topic, "output"])
    expect(opening).toContain(part);
});

/** A new line in another encoding, an escape, a text turned around, a separator, something that is not seen. */
const commands = ["\u0085", "\u009b31m", "\x1b", "\u202e", "\u2067", "\u2028", "\u200f", "\ufeff"];

test.each(["text", "json"])("nothing in a name commands who reads the log, as %s", async (format) => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const names = commands.map((command, at) => `${at}-${command}-gpj.exe`);
  for (const name of names) await writeFile(join(source, name), name);
  const settings = { log: { format } };
  const uploader = await scene.uploader(source, { settings, args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  const downloader = await scene.downloader(output, { settings, args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  for (const { output: log } of [uploader, downloader]) {
    for (const command of commands) expect(log).not.toContain(command);
    expect(log).toContain("\\u202e-gpj.exe");
  }
});

test("times are local whatever way TZ says it", async () => {
  const scene = await openScene();
  const hourOf = async (TZ: string) => {
    const uploader = await scene.uploader(await scene.folder("source"), { env: { TZ }, args: ["--once"] });
    expect(await uploader.waitForExit()).toBe(0);
    return Number(uploader.output.slice(10, 12));
  };
  const utc = new Date().getUTCHours();
  for (const TZ of ["<+09>-9", "Asia/Tokyo", ":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo"])
    expect((((await hourOf(TZ)) - utc + 24) % 24) - 9).toBeOneOf([0, 1]);
});
