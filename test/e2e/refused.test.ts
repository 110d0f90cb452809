/** What keeps agents from the brokers is named as it is: in the log, on /readyz, by `--once` and by doctor. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { type Certificates, makeCertificates, makeDated, makeNamed } from "../support/certificates.ts";
import { expectSameTree } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";

const openScene = useScenes(async () => kafka.bootstrap);
let folder: string;
let certificates: Certificates;
let kafka: Kafka;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-certificates-"));
  certificates = await makeCertificates(folder);
  const keystores = {
    good: certificates.broker,
    late: await makeDated(folder, "late", ["20200101", "20210101"]),
    early: await makeDated(folder, "early", ["20900101", "20910101"]),
    named: await makeNamed(folder, "named", "DNS:kafka.example.com"),
  };
  const settings: Record<string, string | number> = {
    "listener.name.good.ssl.client.auth": "required",
    "listener.name.good.ssl.truststore.type": "PEM",
    "listener.name.good.ssl.truststore.location": certificates.ca,
    "sasl.enabled.mechanisms": "PLAIN",
    "listener.name.login.plain.sasl.jaas.config":
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_till="correct";',
    "connection.failed.authentication.delay.ms": 10,
    "group.max.session.timeout.ms": 10_000,
  };
  for (const [name, path] of Object.entries(keystores)) {
    settings[`listener.name.${name}.ssl.keystore.type`] = "PEM";
    settings[`listener.name.${name}.ssl.keystore.location`] = path;
  }
  kafka = await startKafka({
    listeners: [
      ...Object.keys(keystores).map((name) => ({ name: name.toUpperCase(), protocol: "SSL" as const })),
      { name: "UNKNOWN", protocol: "PLAINTEXT", advertisedPort: 9092, advertisedHost: "broker.invalid" },
      { name: "NOBODY", protocol: "PLAINTEXT", advertisedPort: 1 },
      { name: "LOGIN", protocol: "SASL_PLAINTEXT" },
    ],
    settings,
  });
});

afterAll(async () => {
  await kafka.stop();
  await rm(folder, { recursive: true });
});

async function doctor(scene: Scene, kafkaSettings: Settings, role = "uploader") {
  const config = await scene.configuration({
    role,
    kafka: kafkaSettings,
    uploader: { watch: [{ path: await scene.folder("source") }] },
    downloader: { output: await scene.folder("output") },
    http: { listen: "off" },
  });
  const began = performance.now();
  const agent = scene.agent(["doctor", "--config", config]);
  expect(await agent.waitForExit()).toBe(1);
  const tookMs = performance.now() - began;
  return { agent, tookMs, failures: agent.output.split("\n").filter((line) => line.startsWith("FAIL")) };
}

function tls(more: Settings = {}): Settings {
  return { enabled: true, ca: certificates.ca, ...more };
}

/** [what is wrong, on which listener, kafka.tls, what is to be said] */
const mistakes: [string, string, () => Settings, RegExp][] = [
  [
    "a broker's certificate that has expired",
    "LATE",
    tls,
    /certificate of .* expired on 2021-01-01T00:00:00Z.*renew/,
  ],
  [
    "a broker's certificate that is not valid yet",
    "EARLY",
    tls,
    /not valid before 2090-01-01T00:00:00Z.*this device's clock says.*set the clock/,
  ],
  [
    "a broker's certificate for another name",
    "NAMED",
    tls,
    /another host name: for DNS:kafka\.example\.com, not for 127\.0\.0\.1/,
  ],
  [
    "an authority that is not known",
    "LATE",
    () => tls({ ca: certificates.otherCa }),
    /not signed by a known authority.*"The company's authority".*kafka\.tls\.ca/,
  ],
  ["no certificate where one is wanted", "GOOD", tls, /they want a client certificate.*kafka\.tls\.cert/],
  [
    "a certificate of ours that has expired",
    "GOOD",
    () => tls({ cert: join(folder, "late.crt"), key: join(folder, "late.key") }),
    /this agent's certificate expired on 2021-01-01.*kafka\.tls\.cert/,
  ],
  [
    "a certificate of ours that another authority signed",
    "GOOD",
    () => tls({ cert: certificates.otherCa, key: join(folder, "other.key") }),
    /this agent's certificate.*kafka\.tls\.cert/,
  ],
];

test.each(mistakes)(
  "%s ends --once in one line with exit 1, and doctor names it",
  async (_, name, own, line) => {
    const scene = await openScene();
    const settings = { brokers: kafka.listener(name), tls: own() };
    const uploader = await scene.uploader(await scene.folder("source"), {
      kafka: settings,
      args: ["--once"],
    });
    expect(await uploader.waitForExit()).toBe(1);
    const alarming = uploader.output.split("\n").filter((text) => /\b(ERROR|WARN)\b/.test(text));
    expect(alarming).toEqual([expect.stringMatching(line)]);
    const { failures } = await doctor(scene, settings);
    expect(failures).toEqual([expect.stringMatching(/TLS: .*; fix: /)]);
    expect(failures[0]?.replace("; fix:", ":")).toMatch(line);
  },
);

test.each<[string, () => Settings, RegExp]>([
  [
    "no login where one is wanted",
    () => ({ brokers: kafka.listener("LOGIN") }),
    /wants a login \(PLAIN\): set kafka\.sasl/,
  ],
  [
    "a login where none is wanted",
    () => ({ brokers: kafka.bootstrap, sasl: { mechanism: "plain", username: "till", password: "correct" } }),
    /takes no logins: check kafka\.brokers, or leave kafka\.sasl out/,
  ],
  [
    "a mechanism that is not offered",
    () => ({
      brokers: kafka.listener("LOGIN"),
      sasl: { mechanism: "scram-sha-512", username: "till", password: "correct" },
    }),
    /do not offer this kafka\.sasl\.mechanism: set it to one of theirs \(PLAIN\)/,
  ],
])("%s ends --once in one line with exit 1, and doctor names it", async (_, own, line) => {
  const scene = await openScene();
  const uploader = await scene.uploader(await scene.folder("source"), { kafka: own(), args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(1);
  const alarming = uploader.output.split("\n").filter((text) => /\b(ERROR|WARN)\b/.test(text));
  expect(alarming).toEqual([expect.stringMatching(line)]);
  const { failures } = await doctor(scene, own());
  expect(failures.map((failure) => failure.replace("; fix:", ":"))).toEqual([expect.stringMatching(line)]);
});

describe("what the brokers refuse is said with the cure, and on /readyz, when", () => {
  test("they allow no session of this length", async () => {
    const scene = await openScene();
    const output = await scene.folder("output");
    const downloader = await scene.downloader(output, { settings: anyPort });
    const line = /set one in kafka\.options between their group\.min\.session\.timeout\.ms/;
    await (await AgentHttp.of(downloader)).waitForReadiness(false, line);
    expect(downloader.output).not.toContain("Invalid session timeout");
    const { failures } = await doctor(scene, { brokers: kafka.bootstrap }, "downloader");
    expect(failures).toEqual([
      expect.stringMatching(
        /group streamsend: .* from 6000 to 10000, not 45000.*; fix: set kafka\.options: \{ session/,
      ),
    ]);
    const once = await scene.downloader(await scene.folder("output"), { args: ["--once"] });
    expect(await once.waitForExit()).toBe(1);
    expect(once.output).toMatch(line);
  });

  test("they take no records of this device's time, until that is right", async () => {
    const scene = await openScene();
    const [source, output] = [await scene.folder("source"), await scene.folder("output")];
    await writeFile(join(source, "a.txt"), "a");
    const byDevices = { "message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": "3600000" };
    await (await scene.kafka()).createTopic(scene.topic, 1, byDevices);
    const faults = await Faults.make(await scene.folder("faults"));
    await faults.setClock(30 * 86_400);
    const uploader = await scene.uploader(source, { settings: anyPort, env: faults.env });
    const line = /this device's clock.*set the clock/;
    await (await AgentHttp.of(uploader)).waitForReadiness(false, line);
    await faults.setClock(0);
    const options = { "session.timeout.ms": 10_000 };
    const downloader = await scene.downloader(output, { kafka: { options } });
    await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  });

  test("they make no topic as it is asked for", async () => {
    const scene = await openScene();
    const kafka = { replication: 3 };
    const uploader = await scene.uploader(await scene.folder("source"), { kafka, args: ["--once"] });
    expect(await uploader.waitForExit()).toBe(1);
    expect(uploader.output).toMatch(/making topic .*fewer brokers than copies.*set kafka\.replication/);
  });
});

describe("an address that the brokers give out wrongly", () => {
  test.each([
    ["can't be resolved", "UNKNOWN", /broker 1 advertises broker\.invalid:9092, which can't be resolved/],
    ["leads to nobody", "NOBODY", /broker 1 advertises 127\.0\.0\.1:1, which can't be reached.*refused/],
  ])("and that %s is named by the agent and, in time, by doctor", async (_, name, line) => {
    const scene = await openScene();
    const settings = { brokers: kafka.listener(name) };
    const agent = await scene.uploader(await scene.folder("source"), { kafka: settings, settings: anyPort });
    await (await AgentHttp.of(agent)).waitForReadiness(false, line);
    await agent.waitForLine(line);
    const { failures, tookMs } = await doctor(scene, settings);
    expect(failures).toEqual([expect.stringMatching(line)]);
    expect(failures[0]).toContain("advertised.listeners");
    expect(tookMs).toBeLessThan(15_000);
  });
});
