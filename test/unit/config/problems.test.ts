import { expect, test } from "bun:test";
import { problemsOf } from "./loading.ts";

test("all problems are told at once, one a line, each once, with what was given", async () => {
  const yaml = `role: sender
name: -pos
kafka:
  brokers: [ok:9092, "bad host"]
  broker: x:1
  partitions: many
  retention: 7
  sasl: {mechanism: plain}
uploader:
  watch:
    - {path: /a, as: a, recursive: maybe}
    - {as: x}
    - {path: /etc, as: e}
  in_flight: 1
  parallel: 65
http: off
`;
  const problems = await problemsOf(yaml, {
    environment: { STREAMSEND_TOPIK: "x" },
    set: ["log.level=loud", "rolle=1"],
  });
  expect([...problems].sort()).toEqual(
    [
      "STREAMSEND_TOPIK: unknown variable, did you mean STREAMSEND_KAFKA_TOPIC?",
      "http: must be a section of keys, not a single value",
      "kafka.broker: unknown key, did you mean kafka.brokers?",
      "kafka.brokers: must be host:port (bad host)",
      "kafka.partitions: must be a whole number from 1 to 100000 (many)",
      "kafka.retention: must be a duration with its unit, such as 500ms, 5s, 10m, 12h or 7d (7)",
      "kafka.sasl.password: required for plain",
      "kafka.sasl.username: required for plain",
      "log.level: must be one of debug, info, warn, error (loud)",
      "name: must be letters, digits, dots, underscores and hyphens, a letter or digit first, at most 200 (-pos)",
      "rolle: unknown key, did you mean role?",
      "role: must be uploader or downloader (sender)",
      "uploader.in_flight: must be at least 64KiB (1)",
      "uploader.parallel: must be a whole number from 1 to 64 (65)",
      "uploader.watch.0.recursive: must be true or false (maybe)",
      "uploader.watch.1.path: required",
      "uploader.watch.2.path: is a system directory (/etc)",
    ].sort(),
  );
});

test("the nearest key is found: misspelt, in another habit, or in another section", async () => {
  const pairs = {
    "kafka.brokrs": "kafka.brokers",
    "kafka.createTopics": "kafka.create_topics",
    "kafka.create-topics": "kafka.create_topics",
    brokers: "kafka.brokers",
    output: "downloader.output",
    Role: "role",
    "uploader.watch.3.pth": "uploader.watch.3.path",
    "kafka.tls.keypassword": "kafka.tls.key_password",
    "uploader.group": "downloader.group",
  };
  for (const [unknown, nearest] of Object.entries(pairs)) {
    const problems = await problemsOf("role: downloader", { set: [`${unknown}=x`] });
    expect(problems).toContain(`${unknown}: unknown key, did you mean ${nearest}?`);
  }
});

test("a problem stays one line, whatever the keys and values contain", async () => {
  const problems = await problemsOf('role: "a\\nb\\u001b[31m"\n"evil\\nkey": 1\n');
  expect(problems).toHaveLength(2);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
  for (const problem of problems) expect(problem).not.toMatch(/[\u0000-\u001f]/);
});

test("a very long value is cut", async () => {
  const [problem] = await problemsOf(`role: ${"x".repeat(5000)}`);
  expect(problem?.length).toBeLessThan(200);
});

test("without a role that is what is missing, and the rest is checked all the same", async () => {
  expect(await problemsOf("log: {level: x}")).toEqual([
    "role: required, uploader or downloader",
    "log.level: must be one of debug, info, warn, error (x)",
  ]);
});

test("a host name that cannot be an agent's name asks for one", async () => {
  const yaml = "role: downloader\ndownloader: {output: /o}";
  expect(await problemsOf(yaml, { hostName: "_host" })).toEqual([
    "name: required, as the host's name cannot be an agent's name (_host)",
  ]);
  expect(await problemsOf(`name: a\n${yaml}`, { hostName: "_host" })).toEqual([]);
});
