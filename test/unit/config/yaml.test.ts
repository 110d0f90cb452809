import { expect, test } from "bun:test";
import { loadConfig } from "../../../agent/config/load.ts";
import { readYaml, YamlError } from "../../../agent/config/yaml-text.ts";
import { fileWith, load, loadConfigOf, loadDownloader, problemsOf } from "./loading.ts";

const DOWNLOADER = "role: downloader\ndownloader: {output: /o}\n";

test("a mistake in the YAML is shown with line and column", async () => {
  const problems = await problemsOf("role: uploader\nkafka:\n  topic: [a\n  brokers: b\n");
  expect(problems[0]).toMatch(/^\S+: line 4, column \d+: /);
});

test("a key that is there twice is a problem", async () => {
  expect(await problemsOf("role: uploader\nkafka: {}\nkafka: {}\n")).toContainEqual(
    expect.stringContaining("line 3, column 1: this key is here twice"),
  );
});

test("text that looks like something else stays what the key wants", async () => {
  const yaml =
    "name: 0042\nkafka: {sasl: {mechanism: plain, username: true, password: 1e3}, topic: 007}\nuploader: {chunk: 0900000}";
  const config = await loadConfigOf(yaml);
  expect(config.name).toBe("0042");
  expect(config.kafka.topic).toBe("007");
  expect(config.kafka.sasl).toEqual({ mechanism: "plain", username: "true", password: "1e3" });
  expect(config).toMatchObject({ uploader: { chunkBytes: 900_000 } });
});

test("permissions are octal, quoted or not, in YAML 1.1's and 1.2's notation", async () => {
  for (const text of ["0640", '"0640"', "640", "0o640", "'640'"]) {
    expect((await loadDownloader(`downloader: {output: /o, file_mode: ${text}}`)).fileMode).toBe(0o640);
  }
  for (const text of ["0888", "rw-r--r--", "0x1a4", "-644", "64", "006440"]) {
    const problems = await problemsOf(`role: downloader\ndownloader: {output: /o, file_mode: ${text}}`);
    expect(problems).toEqual([`downloader.file_mode: must be octal permissions such as "0644" (${text})`]);
  }
  expect(await problemsOf("role: downloader\ndownloader: {output: /o, dir_mode: 0644}")).toEqual([
    "downloader.dir_mode: must let the owner read, write and enter (0700) (0644)",
  ]);
});

test("off is a text, yes and on are no booleans", async () => {
  expect(await loadConfigOf("uploader: {rate: off, max_age: off}")).toMatchObject({
    uploader: { rateBytesPerSecond: undefined, maxAgeMs: undefined },
  });
  expect(await problemsOf(`${DOWNLOADER}log: {chunks: on}`)).toEqual([
    "log.chunks: must be true or false (on)",
  ]);
});

test("a key without a value keeps its default", async () => {
  const config = await loadConfigOf("kafka:\n  topic:\n  tls: ~\n  partitions: null\nlog:\n");
  expect(config.kafka).toMatchObject({ topic: "streamsend", partitions: 1, tls: undefined });
});

test("JSON is YAML, an empty file is an empty configuration, a comment too", async () => {
  expect((await load('{"role": "downloader", "downloader": {"output": "/o"}}')).config.role).toBe(
    "downloader",
  );
  for (const yaml of ["", "# nothing\n", "---\n"]) {
    expect(await problemsOf(yaml)).toEqual(["role: required, uploader or downloader"]);
  }
});

test("keys of JavaScript's objects are unknown keys and change nothing", async () => {
  const yaml = `${DOWNLOADER}__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\nkafka:\n  options: {__proto__: x, constructor: y, toString: z}\n`;
  const problems = await problemsOf(yaml);
  expect(problems).toContainEqual(expect.stringMatching(/^__proto__: unknown key/));
  expect(problems).toContainEqual(expect.stringMatching(/^constructor: unknown key/));
  expect(problems).toContainEqual(expect.stringMatching(/^kafka\.options\.__proto__: /));
  expect(problems).toContainEqual(expect.stringMatching(/^kafka\.options\.toString: must be a librdkafka/));
  expect(Reflect.get({}, "polluted")).toBeUndefined();
  const set = ["__proto__.polluted=1", "kafka.__proto__.polluted=1", "uploader.watch.__proto__=1"];
  expect(await problemsOf(DOWNLOADER, { set })).toHaveLength(3);
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});

test("documents that are made to exhaust the reader end in one problem", async () => {
  const hostile = [
    `a: &a [x, x]\nb: &b [*a, *a]\n${Array.from({ length: 25 }, (_, i) => `${String.fromCharCode(99 + (i % 20))}${i}: &n${i} [*${i === 0 ? "b" : `n${i - 1}`}, *${i === 0 ? "b" : `n${i - 1}`}]`).join("\n")}`,
    "kafka: &a\n  options: *a\n",
    `kafka: ${"[".repeat(20_000)}`,
    `kafka: ${"{a: ".repeat(5000)}`,
    "- ".repeat(3000),
    "role: !!js/function 'x'\n",
    "role: *nowhere\n",
    "%YAML 3.0\n---\nrole: x\n",
    "? {a: b}\n: c\n",
    "a\n",
    "- a\n",
    "role: a\n---\nrole: b\n",
    "role: a\n\tkafka: b\n",
    "key: @at\n",
    `x: ${"y".repeat(1024 * 1024)}`,
  ];
  for (const yaml of hostile) expect((await problemsOf(yaml)).length).toBeGreaterThan(0);
});

test("a file that is no UTF-8 is a problem", async () => {
  const configFile = fileWith(new Uint8Array([0x72, 0xff, 0xfe, 0x00]));
  await expect(loadConfig({ environment: {}, configFile })).rejects.toThrow("it is no UTF-8 text");
});

test("no YAML makes the reader do anything but answer or refuse", () => {
  const pieces = [
    "a",
    ": ",
    "\n",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a",
    "*a",
    "!",
    "|",
    ">",
    "'",
    '"',
    "#",
    "%",
    "@",
    "  ",
    "\t",
    "?",
    "~",
    "---",
    "\u0000",
    "é",
    "<<",
  ];
  let seed = 11;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random(14) }, () => pieces[random(pieces.length)]).join("");
    try {
      readYaml(text);
    } catch (error) {
      if (!(error instanceof YamlError))
        throw new Error(`failed on ${JSON.stringify(text)}`, { cause: error });
    }
  }
});
