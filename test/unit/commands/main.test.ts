import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { formatSettings } from "../../../agent/commands/check.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { fileWith, load } from "../config/loading.ts";

const main = join(import.meta.dir, "../../../agent/main.ts");

/** Runs the program from elsewhere, so that no settings of this checkout play a part. */
function agent(args: string[], environment: Record<string, string> = {}) {
  const { stdout, stderr, exitCode } = Bun.spawnSync([process.execPath, main, ...args], {
    cwd: tmpdir(),
    env: environment,
  });
  return { out: stdout.toString(), err: stderr.toString(), exitCode };
}

const UPLOADER = ["--role", "uploader", "--set", "uploader.watch=/w"];

test("--version and --help answer on standard output", () => {
  expect(agent(["--version"])).toEqual({
    out: `streamsend-agent ${packageJson.version}\n`,
    err: "",
    exitCode: 0,
  });
  for (const args of [["--help"], ["check", "--help"], ["-h"], ["--help", "--role", "x"]]) {
    const { out, err, exitCode } = agent(args);
    expect([out.includes("Usage:"), err, exitCode]).toEqual([true, "", 0]);
  }
});

test("wrong usage is one line with a hint, on standard error, exit 2", () => {
  expect(agent(["--colour"])).toEqual({
    out: "",
    err: 'streamsend-agent: unknown option "--colour" (see streamsend-agent --help)\n',
    exitCode: 2,
  });
  expect(agent(["check", "--once"]).err).toContain("(see streamsend-agent check --help)");
});

test("a command that is not built is refused", () => {
  for (const args of [["keygen"], ["keygen", "--output", "key"]]) {
    expect(agent(args)).toEqual({
      out: "",
      err: "streamsend-agent keygen: not in this version\n",
      exitCode: 2,
    });
  }
});

test("send refuses standard input, and what can't be meant, before it connects", () => {
  const refusals: [args: string[], says: string][] = [
    [["-"], "streamsend-agent send -: not in this version"],
    [["a", "--path", "b"], "streamsend-agent send --path: not in this version"],
    [[], "streamsend-agent: send needs a PATH (see streamsend-agent send --help)"],
    [["a", "--as", "b/c"], "streamsend-agent: --as must be letters"],
    [["a", "--as", "till~0123456789abcdef"], "streamsend-agent: --as must be letters"],
    [["a", "--under", "../b"], 'streamsend-agent: --under "../b"'],
    [["a", "--attribute", "B=c"], "streamsend-agent: --attribute needs KEY=VALUE"],
    [["a", "--wait", ""], "streamsend-agent: --wait must be"],
  ];
  for (const [args, says] of refusals) {
    const { out, err, exitCode } = agent(["send", ...args]);
    expect([out, exitCode]).toEqual(["", 2]);
    expect(err).toStartWith(says);
    expect(err.trimEnd()).not.toContain("\n");
  }
});

test("forget wants a kind and one name, whatever the configuration", () => {
  for (const args of [[], ["uploader"], ["file", "x"], ["group", "a", "b"], ["uploader", ""]]) {
    expect(agent(["forget", ...args])).toEqual({
      out: "",
      err: "streamsend-agent: forget takes uploader or group, and one name (see streamsend-agent forget --help)\n",
      exitCode: 2,
    });
  }
});

test("find takes one glob, and a configuration without a role that is right in everything else", () => {
  const several = "find takes one GLOB: quote it for the shell (see streamsend-agent find --help)";
  expect(agent(["find", "a.txt", "b.txt"])).toEqual({
    out: "",
    err: `streamsend-agent: ${several}\n`,
    exitCode: 2,
  });
  expect(agent(["find", "--set", "kafka.topic=a b", "--set", "uploader.settle=soon"])).toEqual({
    out: "",
    err: expect.stringMatching(
      /^uploader\.settle: .*\nkafka\.topic: .*\n$|^kafka\.topic: .*\nuploader\.settle: .*\n$/,
    ),
    exitCode: 2,
  });
});

test("an option that is not built is refused, whatever the configuration", () => {
  expect(agent(["check", "--record", "r.json", "--source", "shop/orders"])).toEqual({
    out: "",
    err: "streamsend-agent check --record: not in this version\n",
    exitCode: 2,
  });
  expect(agent(["check", "--help"]).out).toMatch(/--record FILE .*\(not in this version\)/);
});

test("check prints the configuration and nothing else", () => {
  const { out, err, exitCode } = agent(["check", ...UPLOADER], { STREAMSEND_KAFKA_TOPIC: "t" });
  expect([err, exitCode]).toEqual(["", 0]);
  expect(out).toContain("topic: t\n");
  expect(out).toContain("settle: 5s\n");
  expect(out).toContain("in_flight: 8MiB\n");
});

test("problems of the configuration are printed one a line, exit 2, for check as for run", () => {
  for (const command of [[], ["run"], ["check"]]) {
    expect(agent([...command, ...UPLOADER, "--set", "kafka.topic=a b", "--set", "log.level=x"])).toEqual({
      out: "",
      err: "kafka.topic: must be 1 to 249 letters, digits, dots, underscores or hyphens (a b)\nlog.level: must be one of debug, info, warn, error (x)\n",
      exitCode: 2,
    });
  }
});

test("schema prints all of the JSON Schema, also into a pipe", () => {
  const { out, exitCode } = agent(["schema"]);
  expect(exitCode).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ type: "object", additionalProperties: false });
});

test("what reads the output may stop reading", async () => {
  const shell = Bun.spawnSync(
    [
      "sh",
      "-c",
      `"$0" "$1" schema | head -c 1; "$0" "$1" check --role uploader --set uploader.watch=/w | true`,
      process.execPath,
      main,
    ],
    {
      cwd: tmpdir(),
      env: { PATH: process.env.PATH ?? "" },
    },
  );
  expect([shell.stdout.toString(), shell.stderr.toString()]).toEqual(["{", ""]);
});

test("a result that cannot be written is a failure", () => {
  const { stderr, exitCode } = Bun.spawnSync(
    ["sh", "-c", `"$0" "$1" schema > /dev/full`, process.execPath, main],
    {
      cwd: tmpdir(),
    },
  );
  expect([stderr.toString(), exitCode]).toEqual([expect.stringMatching(/^streamsend-agent: .*ENOSPC/), 1]);
});

test("what check prints is a configuration that comes out the same", async () => {
  const password = fileWith("secret");
  const yaml = `role: uploader
name: 0042
kafka:
  tls: {enabled: true}
  sasl: {mechanism: plain, username: "true", password_file: ${password}}
  options: {debug: "all", socket.timeout.ms: 1000}
uploader:
  watch: [{path: /w, include: ["*.{a,b}", "[x]"]}]
  rate: 1.5MB/s
  settle: 90s
  chunk: 100000
`;
  for (const original of [yaml, "role: downloader\ndownloader: {output: /o, file_mode: 0600}"]) {
    const { settings } = await load(original);
    expect((await load(formatSettings({ settings }))).settings).toEqual(settings);
  }
});

test("check shows only the section of the role", async () => {
  const both = "uploader: {watch: [{path: /w}]}\ndownloader: {output: /o}\n";
  const uploader = formatSettings(await load(`role: uploader\n${both}`));
  expect([uploader.includes("\nuploader:"), uploader.includes("\ndownloader:")]).toEqual([true, false]);
});

test("only the commands that need it load the Kafka client", () => {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { path, kind } of transpiler.scanImports(readFileSync(file, "utf8"))) {
      const isOwn = path.startsWith(".") && path.endsWith(".ts");
      if (
        isOwn &&
        !(
          file === main &&
          kind === "dynamic-import" &&
          /\/(run|redeliver|doctor|forget|find|send)\.ts$/.test(path)
        )
      ) {
        visit(join(dirname(file), path));
      } else if (!isOwn) seen.add(path);
    }
  };
  visit(main);
  const outside = [...seen].filter(
    (path) =>
      !/^node:|\/agent\/(main|(config|commands|lib)\/[^/]+|observe\/(local-time|log|troubles)|wire\/(attributes|limits|path))(\.ts)?$|^bun:ffi$/.test(
        path,
      ),
  );
  expect(outside.sort()).toEqual(["../package.json", "yaml", "zod"]);
});

test("check prints nothing that commands a terminal, and it is the same configuration", async () => {
  const { settings } = await load(`role: uploader\nuploader: {watch: [/srv/a]}\n`);
  const odd = "/srv/\u202egpj\u009b31m\u2028\ufeff\u{e0041}é";
  const [watch] = settings.uploader?.watch ?? [];
  const changed = { ...settings, uploader: { ...settings.uploader, watch: [{ ...watch, path: odd }] } };
  const shown = formatSettings({ settings: changed as typeof settings });
  expect(shown).not.toMatch(/[\u0080-\u009f\u2028\u202e\ufeff]|\u{e0041}/u);
  expect(parse(shown).uploader.watch[0].path).toBe(odd);
});
