/** What a command loads that works in no role. */
import { expect, test } from "bun:test";
import type { CommonConfig } from "../../../agent/config/config.ts";
import { loadCommonConfig, loadHttpConfig } from "../../../agent/config/load.ts";
import { fileWith } from "./loading.ts";

function load(yaml: string, environment: Record<string, string> = {}): Promise<CommonConfig> {
  return loadCommonConfig({ environment, hostName: "host-1", configFile: fileWith(yaml) });
}

test("a configuration without a role is enough, and gives what all roles have", async () => {
  const { name, kafka } = await load("kafka: { brokers: [kafka:9092], topic: t }");
  expect([name, kafka.brokers, kafka.topic, kafka.ledger]).toEqual([
    "host-1",
    ["kafka:9092"],
    "t",
    "t.ledger",
  ]);
});

test("what only a role needs may be missing, or be of another machine", async () => {
  for (const yaml of [
    "role: downloader",
    "role: uploader",
    "role: uploader\nuploader: { watch: [{ path: /usr }, { path: /usr/share }] }",
  ])
    expect((await load(yaml)).kafka.topic).toBe("streamsend");
});

test("every other problem is one", async () => {
  const problems = load("role: cook\nkafka: { topic: a b }\ncolour: red\nencryption: { recipients: [age1] }");
  expect(
    await problems.catch(({ problems }) => problems.map((line: string) => line.split(":")[0]).sort()),
  ).toEqual(["colour", "encryption", "kafka.topic", "role"]);
});

test("variables count as ever", async () => {
  const environment = { STREAMSEND_KAFKA_TOPIC: "other", STREAMSEND_ROLE: "downloader" };
  expect((await load("kafka: { topic: t }", environment)).kafka.ledger).toBe("other.ledger");
});

test("for the address and the token of an agent nothing else is looked at", async () => {
  const http = (yaml: string, environment: Record<string, string> = {}) =>
    loadHttpConfig({ environment, configFile: fileWith(yaml) });
  const token = fileWith("s3cret\n");
  expect(
    await http(`name: "${"x".repeat(300)}"
kafka: { sasl: { password_file: /not/there } }
colour: \${UNSET}
http: { listen: "0.0.0.0:1234", token_file: ${token} }`),
  ).toEqual({ listen: { host: "0.0.0.0", port: 1234 }, listenIsDefault: false, token: "s3cret" });
  expect(await http("role: downloader", { STREAMSEND_HTTP_LISTEN: "off" })).toEqual({
    listen: undefined,
    listenIsDefault: false,
    token: undefined,
  });
  expect(await http("http: { listen: here }").catch(({ problems }) => problems)).toEqual([
    expect.stringMatching(/^http\.listen: /),
  ]);
});
