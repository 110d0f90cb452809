import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { StartOptions } from "../support/agent-process.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

/** What `check` prints for a file that names an uploader, with more from elsewhere. */
async function check(args: string[] = [], options: StartOptions = {}, kafka: Record<string, string> = {}) {
  const scene = await openScene();
  const watch = [{ path: await scene.folder("source") }];
  const config = await scene.configuration({
    role: "uploader",
    name: "from-file",
    kafka,
    uploader: { watch },
  });
  const agent = scene.agent(["check", "--config", config, ...args], options);
  return { code: await agent.waitForExit(), output: agent.output, errors: agent.errors };
}

describe("a setting is taken from", () => {
  const env = { STREAMSEND_KAFKA_TOPIC: "from-environment" };

  test("the defaults, when nobody names it", async () => {
    expect((await check()).output).toMatch(/topic: "?streamsend"?$/m);
  });

  test("the file before the defaults", async () => {
    expect((await check([], {}, { topic: "from-the-file" })).output).toMatch(/topic: "?from-the-file"?$/m);
  });

  test("the environment before the file", async () => {
    const { output } = await check([], { env }, { topic: "from-the-file" });
    expect(output).toMatch(/topic: "?from-environment"?$/m);
  });

  test("the command line before all others", async () => {
    const { output } = await check(["--set", "kafka.topic=from-set"], { env }, { topic: "from-the-file" });
    expect(output).toMatch(/topic: "?from-set"?$/m);
    expect(output).toMatch(/ledger: "?from-set\.ledger"?$/m);
  });
});

test("check prints no secret", async () => {
  const args = ["mechanism=plain", "username=u", "password=hunter2"].flatMap((s) => [
    "--set",
    `kafka.sasl.${s}`,
  ]);
  const { code, output, errors } = await check(args);
  expect(code).toBe(0);
  expect(output + errors).not.toContain("hunter2");
});

test("all problems are printed at once, one a line, with the nearest valid key, and the exit code is 2", async () => {
  const args = ["kafka.topik=a", "uploader.parallel=many", "uploader.settle=5"].flatMap((set) => [
    "--set",
    set,
  ]);
  for (const command of ["check", "run"]) {
    const scene = await openScene();
    const agent = scene.agent([command, "--set", "role=uploader", ...args]);
    expect(await agent.waitForExit()).toBe(2);
    const lines = agent.errors.trimEnd().split("\n");
    expect(lines.some((line) => /^kafka\.topik: .*kafka\.topic/.test(line))).toBe(true);
    expect(lines.some((line) => /^uploader\.parallel: .*many/.test(line))).toBe(true);
    expect(lines.some((line) => /^uploader\.settle: .*5/.test(line))).toBe(true);
  }
});

test.each([
  ["an unknown option", ["run", "--frobnicate"]],
  ["an unknown command", ["frobnicate"]],
  ["a configuration file that is not there", ["check", "--config", "/nowhere/config.yaml"]],
  ["no role", ["run"]],
  [
    "a watch that is a system directory",
    ["check", "--set", "role=uploader", "--set", 'uploader.watch=[{"path":"/etc"}]'],
  ],
])("wrong usage or configuration is exit 2: %s", async (_, args) => {
  const scene = await openScene();
  const agent = scene.agent(args);
  expect(await agent.waitForExit()).toBe(2);
  expect(agent.errors.trim()).not.toBe("");
  expect(agent.errors).not.toMatch(/^ +at /m);
});

test("what this version cannot do is refused by its name", async () => {
  const scene = await openScene();
  const watch = `uploader.watch=${await scene.folder("source")}`;
  const later = ["--set", "uploader.live.suffix=.part", "--set", "encryption.recipients=a"];
  const agent = scene.agent(["run", "--set", "role=uploader", "--set", watch, ...later]);
  expect(await agent.waitForExit()).toBe(2);
  expect(agent.errors.trimEnd().split("\n").sort()).toEqual([
    expect.stringMatching(/^encryption: not in this version/),
    expect.stringMatching(/^uploader\.live\.suffix: not in this version/),
  ]);
});

test("schema prints a JSON Schema, and --help names every command", async () => {
  const scene = await openScene();
  const schema = scene.agent(["schema"]);
  expect(await schema.waitForExit()).toBe(0);
  expect(Object.keys(JSON.parse(schema.output).properties)).toContain("kafka");
  const help = scene.agent(["--help"]);
  expect(await help.waitForExit()).toBe(0);
  for (const command of ["run", "check", "schema"]) expect(help.output).toContain(command);
});

test("run is the default command, and everything can be set on the command line", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await Bun.write(join(source, "a.txt"), "a");
  const sets = {
    role: "uploader",
    name: "till-7",
    "kafka.brokers": scene.brokers,
    "kafka.topic": scene.topic,
    "kafka.ledger_partitions": "2",
    "uploader.watch": JSON.stringify([{ path: source }]),
    "uploader.settle": "100ms",
    "http.listen": "off",
  };
  const args = Object.entries(sets).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const agent = scene.agent(["--once", ...args]);
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  expect(agent.output).toContain("[till-7] a.txt: successfully processed");
});
