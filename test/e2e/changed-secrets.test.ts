/** Passwords and authorities that are changed on disk: agents that run take them, and say why they could not work before. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { type Certificates, makeCertificates, makeNamed } from "../support/certificates.ts";
import { expectSameTree } from "../support/compare.ts";
import { startKafka } from "../support/kafka.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
let folder: string;
let certificates: Certificates;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-certificates-"));
  certificates = await makeCertificates(folder);
});

afterAll(() => rm(folder, { recursive: true }));

describe("what was changed on disk is read again by agents that run", () => {
  const users = (password: string) =>
    `listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_till="${password}";`;

  test("a password: refused with the old one they say so, and go on with the new one", async () => {
    const own = await startKafka({
      listeners: [{ name: "LOGIN", protocol: "SASL_PLAINTEXT" }],
      settings: {
        "sasl.enabled.mechanisms": "PLAIN",
        "connection.failed.authentication.delay.ms": 10,
        ...Object.fromEntries([users("first").split(/=(.*)/s).slice(0, 2)]),
      },
    });
    try {
      const scene = await openScene();
      const secret = join(await scene.folder("secrets"), "password");
      await writeFile(secret, "first\n");
      const sasl = { mechanism: "plain", username: "till", password_file: secret };
      const settings = { brokers: own.listener("LOGIN"), sasl };
      await expectToGoOn(scene, settings, /kafka\.sasl: the login was refused/, {
        before: async () => {
          await own.halt();
          await own.restart(["--set", users("second")]);
        },
        mend: () => writeFile(secret, "second\n"),
      });
    } finally {
      await own.stop();
    }
  });

  test("the authorities: a broker with a certificate of another one is refused, until that one is in the file", async () => {
    const keystore = join(folder, "changing.pem");
    await copyFile(certificates.broker, keystore);
    const own = await startKafka({
      listeners: [{ name: "TLS", protocol: "SSL" }],
      settings: { "ssl.keystore.type": "PEM", "ssl.keystore.location": keystore },
    });
    try {
      const scene = await openScene();
      const ca = join(await scene.folder("secrets"), "ca.crt");
      await copyFile(certificates.ca, ca);
      const settings = { brokers: own.listener("TLS"), tls: { enabled: true, ca } };
      await expectToGoOn(scene, settings, /kafka\.tls: .*not signed by a known authority/, {
        before: async () => {
          await copyFile(await makeNamed(folder, "renewed", "IP:127.0.0.1", "other"), keystore);
          await own.halt();
          await own.restart();
        },
        mend: () => copyFile(certificates.otherCa, ca),
      });
    } finally {
      await own.stop();
    }
  });
});

/** Both roles work, are refused after `before`, say why in one line, and work again after `mend`, without a restart. */
async function expectToGoOn(
  scene: Scene,
  settings: Settings,
  refusal: RegExp,
  { before, mend }: { before(): Promise<void>; mend(): Promise<void> },
): Promise<void> {
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(source, "a.txt"), "a");
  const options = { kafka: settings, settings: anyPort };
  const agents = [await scene.uploader(source, options), await scene.downloader(output, options)];
  await expectSameTree(source, join(output, "uploader"), agents);
  await before();
  const https = await Promise.all(agents.map((agent) => AgentHttp.of(agent)));
  for (const http of https) {
    const areRefusals = async () => {
      const reasons = await http.waitForReadiness(false, refusal);
      return !reasons.some((reason) => reason.includes("waiting until one can"));
    };
    await waitUntil("the refusal is what is said, and no outage", areRefusals);
  }
  await writeFile(join(source, "b.txt"), "b");
  await mend();
  await expectSameTree(source, join(output, "uploader"), agents);
  for (const http of https) await http.waitForReadiness(true);
  for (const agent of agents)
    expect(agent.messages.filter((message) => refusal.test(message)).length).toBe(1);
}
