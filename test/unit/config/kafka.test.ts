import { expect, test } from "bun:test";
import { loadConfigOf, loadDownloader, problemsOf } from "./loading.ts";

const of = (kafka: string) => problemsOf(`role: downloader\ndownloader: {output: /o}\nkafka: {${kafka}}`);

test("kafka's defaults are those of the documentation", async () => {
  expect((await loadConfigOf("")).kafka).toEqual({
    brokers: ["localhost:9092"],
    topic: "streamsend",
    ledger: "streamsend.ledger",
    createTopics: true,
    partitions: 1,
    ledgerPartitions: 64,
    replication: -1,
    retentionMs: 604_800_000,
    tls: undefined,
    sasl: undefined,
    options: {},
  });
});

test("brokers are host:port, also in IPv6", async () => {
  expect(await of('brokers: ["a.example.com:9092", "10.0.0.1:1", "[::1]:65535", b]')).toEqual([]);
  for (const broker of ["a:0", "a:65536", "a:b", "a b", "PLAINTEXT://a:1", "::1:9092", "a:1/x", ""]) {
    expect(await of(`brokers: ["${broker}"]`)).toHaveLength(1);
  }
  expect(await of("brokers: []")).toEqual(["kafka.brokers: must name at least one broker"]);
});

test("a topic's name is one that Kafka takes", async () => {
  for (const topic of ["a", "A.b_c-9", "x".repeat(249)])
    expect(await of(`topic: ${topic}, ledger: l`)).toEqual([]);
  for (const topic of [".", "..", "a b", "ä", "a/b", "x".repeat(250), '""']) {
    expect(await of(`topic: ${topic}, ledger: l`)).toEqual([
      expect.stringContaining("kafka.topic: must be 1 to 249"),
    ]);
  }
  expect(await of(`topic: ${"x".repeat(245)}`)).toEqual([
    expect.stringContaining("kafka.ledger: must be at most 249"),
  ]);
});

test("the ledger is another topic, also in the eyes of Kafka's metrics", async () => {
  expect(await of("topic: a, ledger: a")).toEqual([
    "kafka.ledger: must be another topic than kafka.topic (a)",
  ]);
  expect(await of("topic: a.b, ledger: a_b")).toHaveLength(1);
});

test("a client certificate needs its key, and the other way round", async () => {
  expect(await of("tls: {cert: /c}")).toEqual(["kafka.tls.key: required with kafka.tls.cert"]);
  expect(await of("tls: {key: /k}")).toEqual(["kafka.tls.cert: required with kafka.tls.key"]);
});

test("a login says what it lacks", async () => {
  expect(await of("sasl: {username: u}")).toEqual(["kafka.sasl.mechanism: required for a login"]);
  expect(await of("sasl: {mechanism: scram-sha-256, username: u}")).toEqual([
    "kafka.sasl.password: required for scram-sha-256",
  ]);
  expect(await of("sasl: {mechanism: aws-msk-iam}")).toContain("kafka.sasl.region: required for aws-msk-iam");
  expect(await of("sasl: {mechanism: oauthbearer, client_id: a}")).toEqual(
    expect.arrayContaining([
      "kafka.sasl.token_url: required for oauthbearer",
      "kafka.sasl.client_secret: required for oauthbearer",
    ]),
  );
});

test("replication is the brokers' default or a number of copies", async () => {
  expect(await of("replication: -1")).toEqual([]);
  expect(await of("replication: 3")).toEqual([]);
  expect(await of("replication: 0")).toEqual([
    "kafka.replication: must be -1 (the brokers' default) or at least 1 (0)",
  ]);
});

test("a downloader needs an output, and its defaults are those of the documentation", async () => {
  expect(await problemsOf("role: downloader")).toEqual(["downloader.output: required"]);
  expect(await loadDownloader("downloader: {output: /o}")).toEqual({
    output: "/o",
    group: "streamsend",
    layout: "{uploader}/{path}",
    start: "earliest",
    onChange: "replace",
    minFreeBytes: 268_435_456,
    keepMtime: true,
    requireMount: false,
    fileMode: 0o644,
    dirMode: 0o755,
    giveUpMs: 30 * 24 * 3600_000,
    eventsTopic: undefined,
  });
});

test("a layout is one of the two", async () => {
  expect(await problemsOf('role: downloader\ndownloader: {output: /o, layout: "{path}/{uploader}"}')).toEqual(
    ["downloader.layout: must be one of {uploader}/{path}, {path} ({path}/{uploader})"],
  );
});

test("a limit of the client's own that no chunk fits is refused", async () => {
  expect(await of("options: { message.max.bytes: 1000, queue.buffering.max.kbytes: 8 }")).toEqual([
    "kafka.options.message.max.bytes: must be at least 16384 (1000)",
    "kafka.options.queue.buffering.max.kbytes: must be at least 16 (8)",
  ]);
});

test("a group that is not named is the topic's, so that two pipelines never share one unasked", async () => {
  const kafka = "kafka: {topic: photos}";
  expect((await loadDownloader(`downloader: {output: /o}\n${kafka}`)).group).toBe("photos");
  expect((await loadDownloader(`downloader: {output: /o, group: mine}\n${kafka}`)).group).toBe("mine");
});
