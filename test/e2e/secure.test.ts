import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { type Settings, useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);
const password = "correct horse: battery, #staple";
let kafka: Kafka;
let folder: string;
let certificates: Certificates;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-certificates-"));
  certificates = await makeCertificates(folder);
  const login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  kafka = await startKafka({
    listeners: [
      { name: "SECURE", protocol: "SASL_SSL" },
      { name: "TLS", protocol: "SSL" },
    ],
    settings: {
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": certificates.broker,
      "sasl.enabled.mechanisms": "PLAIN",
      "listener.name.secure.plain.sasl.jaas.config": `${login} user_till="${password}";`,
      // What an attacker would wait for is nothing that a test need wait for.
      "connection.failed.authentication.delay.ms": 10,
    },
  });
});

afterAll(async () => {
  await kafka.stop();
  await rm(folder, { recursive: true });
});

/** The settings of somebody who has everything right. */
function right(): { brokers: string; tls: Settings; sasl: Settings } {
  return {
    brokers: kafka.listener("SECURE"),
    tls: { enabled: true, ca: certificates.ca },
    sasl: { mechanism: "plain", username: "till", password },
  };
}

test("files arrive over TLS with a login", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(101, { count: 20, levels: 2, maxBytes: 200_000 }));
  const passwordFile = join(await scene.folder("secrets"), "password");
  await writeFile(passwordFile, `${password}\n`);
  const fromFile = { mechanism: "plain", username: "till", password_file: passwordFile };
  const agents = [
    await scene.uploader(source, { kafka: right() }),
    await scene.downloader(output, { kafka: { ...right(), sasl: fromFile } }),
  ];
  await expectSameTree(source, join(output, "uploader"), agents);
  for (const agent of agents) expect(`${agent.output}${agent.errors}`).not.toContain(password);
});

test("files arrive over TLS without a login, and to a host of another name when that is not verified", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "a");
  const [, port] = kafka.listener("TLS").split(":");
  const tls = { enabled: true, ca: certificates.ca };
  const agents = [
    await scene.uploader(source, { kafka: { brokers: kafka.listener("TLS"), tls } }),
    await scene.downloader(output, {
      kafka: { brokers: `localhost:${port}`, tls: { ...tls, verify_hostname: false } },
    }),
  ];
  await expectSameTree(source, join(output, "uploader"), agents);
});

/** [what is wrong, how, what the line has to say] */
const mistakes: [string, () => Settings, RegExp][] = [
  [
    "the wrong authority",
    () => ({ ...right(), tls: { enabled: true, ca: certificates.otherCa } }),
    /authority.*kafka\.tls\.ca/,
  ],
  ["no authority", () => ({ ...right(), tls: { enabled: true } }), /authority.*kafka\.tls\.ca/],
  [
    "the wrong host name",
    () => ({ ...right(), brokers: right().brokers.replace("127.0.0.1", "localhost") }),
    /host name/,
  ],
  [
    "the wrong password",
    () => ({ ...right(), sasl: { mechanism: "plain", username: "till", password: "wrong" } }),
    /login was refused.*password/,
  ],
  [
    "a mechanism that the brokers do not offer",
    () => ({ ...right(), sasl: { mechanism: "scram-sha-512", username: "till", password } }),
    /mechanism/,
  ],
  ["TLS on a port without", () => ({ ...right(), brokers: kafka.bootstrap }), /do not speak TLS/],
];

test.each(mistakes)(
  "with %s and --once both roles say so in one line, and exit 1",
  async (_, settings, reason) => {
    const scene = await openScene();
    const options = { kafka: settings(), args: ["--once"] };
    const agents = [
      await scene.uploader(await scene.folder("source"), options),
      await scene.downloader(await scene.folder("output"), options),
    ];
    for (const agent of agents) {
      expect(await agent.waitForExit()).toBe(1);
      expect(complaints(agent, reason)).toHaveLength(1);
    }
  },
);

test("without --once a refused login is said once, and tried again", async () => {
  const scene = await openScene();
  const sasl = { mechanism: "plain", username: "till", password: "wrong" };
  const agent = await scene.uploader(await scene.folder("source"), { kafka: { ...right(), sasl } });
  await agent.waitForLine(/login was refused/);
  const refusals = async () => (await kafka.log()).split("Failed authentication").length;
  const before = await refusals();
  await waitUntil("it has tried again twice", async () => (await refusals()) >= before + 2);
  agent.signal("SIGTERM");
  expect(await agent.waitForExit()).toBe(0);
  expect(complaints(agent, /login was refused/)).toHaveLength(1);
});

/** The lines that give the reason; there must be no other complaint, and nobody's password. */
function complaints(agent: AgentProcess, reason: RegExp): string[] {
  const lines = `${agent.output}\n${agent.errors}`.split("\n").filter((line) => line.trim() !== "");
  expect(lines.join("\n")).not.toContain(password);
  const alarming = lines.filter((line) => /\b(ERROR|WARN|rror:)\b/.test(line) || !line.startsWith("["));
  expect(alarming.filter((line) => !reason.test(line))).toEqual([]);
  return alarming;
}

test.each([["run"], ["check"], ["doctor"]])(
  "%s refuses files of kafka.tls that can't be used: all at once, a line each, exit 2",
  async (command) => {
    const scene = await openScene();
    const inner = await scene.folder("certificates");
    await chmod(inner, 0o755);
    const closed = join(inner, "closed.key");
    await writeFile(closed, "-", { mode: 0o600 });
    const tls = { enabled: true, ca: join(inner, "no-ca.crt"), cert: inner, key: closed };
    const config = await scene.configuration({
      role: "downloader",
      kafka: { tls },
      downloader: { output: "/o" },
    });
    await chmod(config, 0o644);
    const executable = await scene.executableForAll();
    const launcher =
      process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
    const agent = scene.agent([command, "--config", config], { executable, launcher });
    expect(await agent.waitForExit()).toBe(2);
    expect(agent.errors.trim().split("\n")).toEqual([
      `kafka.tls.ca: ${tls.ca}: no such file`,
      `kafka.tls.cert: ${inner}: is a folder`,
      `kafka.tls.key: ${closed}: permission denied: give this user the right to read it`,
    ]);
  },
);
