import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { loadConfig } from "../../../agent/config/load.ts";
import { fileWith, load, loadConfigOf, loadDownloader, loadUploader, problemsOf } from "./loading.ts";

const topicOf = async (yaml: string, environment: Record<string, string>, set: string[]) =>
  (await loadConfigOf(yaml, { environment, set })).kafka.topic;

test("later sources win: defaults, file, environment, command line, and there the last", async () => {
  const yaml = "kafka: {topic: file}";
  const environment = { STREAMSEND_KAFKA_TOPIC: "environment" };
  expect(await topicOf("", {}, [])).toBe("streamsend");
  expect(await topicOf(yaml, {}, [])).toBe("file");
  expect(await topicOf(yaml, environment, [])).toBe("environment");
  expect(await topicOf(yaml, environment, ["kafka.topic=set"])).toBe("set");
  expect(await topicOf(yaml, environment, ["kafka.topic=set", "kafka.topic=last"])).toBe("last");
});

test("--role wins over every other source", async () => {
  const given = {
    set: ["role=uploader", "downloader.output=/out"],
    environment: { STREAMSEND_ROLE: "uploader" },
  };
  const { config } = await load("role: uploader", { ...given, role: "downloader" });
  expect(config.role).toBe("downloader");
});

test("without --config the file is that of STREAMSEND_CONFIG, then the default one, then none", async () => {
  const named = fileWith("kafka: {topic: named}");
  const defaultFile = fileWith("kafka: {topic: default}");
  const set = ["role=downloader", "downloader.output=/out"];
  const topic = async (environment: Record<string, string>, file: string) =>
    (await loadConfig({ environment, set, defaultFile: file })).config.kafka.topic;
  expect(await topic({ STREAMSEND_CONFIG: named }, defaultFile)).toBe("named");
  expect(await topic({ STREAMSEND_CONFIG: "" }, defaultFile)).toBe("default");
  expect(await topic({}, "/nowhere/config.yaml")).toBe("streamsend");
});

test("a configuration file that is not there is a problem, unless it is the default one", async () => {
  await expect(loadConfig({ environment: {}, configFile: "/nowhere.yaml" })).rejects.toThrow(
    "--config: cannot be read, there is no such file (/nowhere.yaml)",
  );
  await expect(loadConfig({ environment: { STREAMSEND_CONFIG: "/nowhere.yaml" } })).rejects.toThrow(
    "STREAMSEND_CONFIG: cannot be read, there is no such file (/nowhere.yaml)",
  );
});

test("a configuration file that never ends is too large", async () => {
  await expect(loadConfig({ environment: {}, configFile: "/dev/zero" })).rejects.toThrow(
    "--config: cannot be read, it is too large (/dev/zero)",
  );
});

test("lists are comma separated, with commas in globs left alone, or YAML", async () => {
  const { watch } = await loadUploader("", {
    environment: { STREAMSEND_UPLOADER_WATCH: "/a,/b", STREAMSEND_UPLOADER_WATCH_1_AS: "b" },
    set: [
      "uploader.watch.0.as=a",
      "uploader.watch.0.include=*.{jpg,png}, [ab]*.txt",
      "uploader.watch.0.exclude=[x, 'y,z']",
    ],
  });
  expect(watch.map(({ path, as }) => [path, as])).toEqual([
    ["/a", "a"],
    ["/b", "b"],
  ]);
  expect(watch[0]?.include).toEqual(["*.{jpg,png}", "[ab]*.txt"]);
  expect(watch[0]?.exclude).toEqual(["x", "y,z"]);
});

test("watches can be given as YAML in the environment", async () => {
  const text = '[{path: /a, recursive: false, as: a}, {"path": "/b", "as": "b"}]';
  const { watch } = await loadUploader("", { environment: { STREAMSEND_UPLOADER_WATCH: text } });
  expect(watch.map(({ path, recursive }) => [path, recursive])).toEqual([
    ["/a", false],
    ["/b", true],
  ]);
});

test("an item of a list can be changed or added, but not beyond the next one", async () => {
  const yaml = "kafka: {brokers: [a:1, b:2]}";
  const { kafka } = await loadConfigOf(yaml, { set: ["kafka.brokers.1=c:3", "kafka.brokers.2=d:4"] });
  expect(kafka.brokers).toEqual(["a:1", "c:3", "d:4"]);
  expect(await problemsOf("role: uploader", { set: ["uploader.watch.1.path=/a"] })).toContain(
    "uploader.watch.1.path: there is no item 1, the list has 0 (the first one is 0)",
  );
});

test("a section as text changes only the keys that it names", async () => {
  const { kafka } = await loadConfigOf("kafka: {tls: {enabled: true, ciphers: HIGH}}", {
    set: ["kafka.tls={verify_hostname: false}"],
  });
  expect(kafka.tls).toMatchObject({ ciphers: "HIGH", verifyHostname: false });
});

test("a librdkafka property keeps its dots, from every source", async () => {
  const { kafka } = await loadConfigOf("kafka: {options: {socket.keepalive.enable: true, client.rack: a}}", {
    environment: { STREAMSEND_KAFKA_OPTIONS_SOCKET_TIMEOUT_MS: "1000" },
    set: ["kafka.options.client.rack=b=c", "kafka.options={debug: all}"],
  });
  expect(kafka.options).toEqual({
    "socket.keepalive.enable": "true",
    "client.rack": "b=c",
    "socket.timeout.ms": "1000",
    debug: "all",
  });
});

test("an unknown STREAMSEND_ variable is a problem with the nearest one", async () => {
  const environment = { STREAMSEND_KAFKA_BROKER: "a:1" };
  expect(await problemsOf("role: uploader", { environment })).toContain(
    "STREAMSEND_KAFKA_BROKER: unknown variable, did you mean STREAMSEND_KAFKA_BROKERS?",
  );
});

test("variables of a container platform, those that the file uses and empty ones are left alone", async () => {
  const environment = {
    STREAMSEND_SERVICE_HOST: "10.0.0.1",
    STREAMSEND_SERVICE_PORT: "9480",
    STREAMSEND_SERVICE_PORT_HTTP: "9480",
    STREAMSEND_PORT: "tcp://10.0.0.1:9480",
    STREAMSEND_PORT_9480_TCP_ADDR: "10.0.0.1",
    STREAMSEND_KAFKA_SERVICE_HOST: "10.0.0.2",
    STREAMSEND_KAFKA_PORT: "tcp://10.0.0.2:9092",
    STREAMSEND_SITE: "berlin",
    STREAMSEND_KAFKA_TOPIC: "",
  };
  const yaml = "kafka: {topic: '$" + "{STREAMSEND_SITE}'}";
  expect((await loadConfigOf(yaml, { environment })).kafka.topic).toBe("berlin");
  expect(await problemsOf("", { environment: { STREAMSEND_KAFKA_PORT: "9092" } })).toContainEqual(
    expect.stringContaining("STREAMSEND_KAFKA_PORT: unknown variable"),
  );
});

test("values in the file are filled in from the environment", async () => {
  const yaml = `name: "a-\${SITE}"
kafka: { brokers: "\${BROKERS}", partitions: "\${PARTITIONS:-3}", topic: "\${TOPIC:-t}" }
uploader: { after_groups: ["$\${SITE}"] }`;
  const environment = { SITE: "7", BROKERS: "x:1,y:2", TOPIC: "" };
  const config = await loadConfigOf(yaml, { environment });
  expect(config.name).toBe("a-7");
  expect(config.kafka).toMatchObject({ brokers: ["x:1", "y:2"], partitions: 3, topic: "t" });
  expect(config).toMatchObject({ uploader: { afterGroups: ["$" + "{SITE}"] } });
});

test("a variable that is not set is named, unless a later source replaces the value", async () => {
  const yaml = "kafka: {topic: '$" + "{NOWHERE}'}\nrole: downloader\ndownloader: {output: /o}";
  expect(await problemsOf(yaml)).toEqual(["kafka.topic: the environment variable NOWHERE is not set"]);
  expect(await problemsOf(yaml, { set: ["kafka.topic=t"] })).toEqual([]);
});

test("what comes from the environment is not filled in again", async () => {
  const text = "$" + "{HOME}/x";
  const environment = { STREAMSEND_DOWNLOADER_OUTPUT: `/o/${text}`, HOME: "/h" };
  expect((await loadDownloader("", { environment })).output).toBe(`/o/${text}`);
});

test("the name is the host's unless given, and the ledger's is the topic's", async () => {
  const config = await loadConfigOf("kafka: {topic: t}", { hostName: "pos-1.example.com" });
  expect(config.name).toBe("pos-1.example.com");
  expect(config.kafka.ledger).toBe("t.ledger");
  const { config: real } = await loadConfig({
    environment: {},
    set: ["role=downloader", "downloader.output=/o", `name=x${hostname()}`],
  });
  expect(real.name).toBe(`x${hostname()}`);
});

test("relative paths start at the working directory", async () => {
  const { watch } = await loadUploader("uploader: {watch: [{path: out/../box, as: ./a//b/}]}");
  expect(watch[0]).toMatchObject({ path: resolve("box"), as: "a/b" });
});

test("the configuration cannot be changed", async () => {
  const config = await loadConfigOf("");
  expect(() => Object.assign(config.kafka, { topic: "x" })).toThrow(TypeError);
  expect(() => (config.kafka.brokers as string[]).push("x")).toThrow(TypeError);
});
