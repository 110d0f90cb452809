/** Logins by SCRAM and by certificate, on brokers that give everybody no more than the rights they need. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { expectSameTree } from "../support/compare.ts";
import { findArguments } from "../support/find.ts";
import { forgetArguments } from "../support/forget.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { outcomeOf } from "../support/outcome.ts";
import { PlainKafka } from "../support/plain-kafka.ts";
import { type Settings, useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";

const openScene = useScenes(async () => kafka.bootstrap);
const topics = { topic: "chunks", ledger: "chunks.ledger" };
const password = "correcthorsebatterystaple";
let kafka: Kafka;
let folder: string;
let certificates: Certificates;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-certificates-"));
  certificates = await makeCertificates(folder);
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  kafka = await startKafka({
    listeners: [
      { name: "LOGIN", protocol: "SASL_PLAINTEXT" },
      { name: "MUTUAL", protocol: "SSL" },
    ],
    settings: {
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": certificates.broker,
      "listener.name.mutual.ssl.client.auth": "required",
      "listener.name.mutual.ssl.truststore.type": "PEM",
      "listener.name.mutual.ssl.truststore.location": certificates.ca,
      "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
      "listener.name.login.scram-sha-256.sasl.jaas.config": scram,
      "listener.name.login.scram-sha-512.sasl.jaas.config": scram,
      "connection.failed.authentication.delay.ms": 10,
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      // Who comes by the plain listener has no name.
      "super.users": "User:ANONYMOUS",
    },
  });
  for (const user of ["sender", "receiver", "stranger", "half", "reader"])
    await kafka.addScramUser(user, password);
  await giveRights();
});

afterAll(async () => {
  await kafka.stop();
  await rm(folder, { recursive: true });
});

/** What docs/security.md says that the two roles need, and to some a part of it. */
async function giveRights(): Promise<void> {
  const plain = await PlainKafka.open(kafka.bootstrap);
  const { topic, ledger } = topics;
  await plain.createTopic(topic);
  await plain.createTopic(ledger, 4, {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
  });
  await plain.close();
  await kafka.allow(["sender", "half", "CN=till"], ["--topic", topic], "Write");
  await kafka.allow(["receiver", "CN=till"], ["--topic", topic], "Read");
  await kafka.allow(["sender", "receiver", "CN=till"], ["--topic", ledger], "Read", "Write");
  await kafka.allow(["reader"], ["--topic", ledger], "Read");
  const members = ["--group", "members-", "--resource-pattern-type", "prefixed"];
  await kafka.allow(["receiver", "CN=till"], members, "Read");
}

function login(username: string, mechanism = "scram-sha-512"): Settings {
  return { ...topics, brokers: kafka.listener("LOGIN"), sasl: { mechanism, username, password } };
}

test.each(["scram-sha-256", "scram-sha-512"])(
  "files arrive with a login by %s and the least rights",
  async (mechanism) => {
    const scene = await openScene();
    const source = await scene.folder("source");
    const output = await scene.folder("output");
    await writeTree(source, randomTree(102, { count: 5, levels: 2, maxBytes: 200_000 }));
    const agents = [
      await scene.uploader(source, { name: mechanism, kafka: login("sender", mechanism) }),
      await scene.downloader(output, {
        kafka: login("receiver", mechanism),
        downloader: { group: `members-${mechanism}` },
      }),
    ];
    await expectSameTree(source, join(output, mechanism), agents);
    for (const agent of agents) expect(`${agent.output}${agent.errors}`).not.toContain(password);
  },
);

test("files arrive by mutual TLS, with a key in the clear and with one under a password", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const { ca, client } = certificates;
  await writeFile(join(source, "a.txt"), "a");
  const common = { ...topics, brokers: kafka.listener("MUTUAL") };
  const locked = {
    enabled: true,
    ca,
    cert: client.cert,
    key: client.lockedKey,
    key_password: client.password,
  };
  const agents = [
    await scene.uploader(source, {
      name: "till",
      kafka: { ...common, tls: { enabled: true, ca, cert: client.cert, key: client.key } },
    }),
    await scene.downloader(output, {
      kafka: { ...common, tls: locked },
      downloader: { group: "members-till" },
    }),
  ];
  await expectSameTree(source, join(output, "till"), agents);
});

test("without a certificate where one is needed both roles say so, and exit 1", async () => {
  const scene = await openScene();
  const options = {
    kafka: { brokers: kafka.listener("MUTUAL"), tls: { enabled: true, ca: certificates.ca } },
    args: ["--once"],
  };
  for (const agent of [
    await scene.uploader(await scene.folder("source"), options),
    await scene.downloader(await scene.folder("output"), options),
  ]) {
    expect(await agent.waitForExit()).toBe(1);
    expect(agent.output).toMatch(/refused the TLS handshake.*kafka\.tls\.cert/);
  }
});

describe("a missing right is named, on the right thing, and ends --once with exit 1", () => {
  test.each([
    ["on the topic", "stranger", /^looking up topic chunks: .* this user the topic/],
    ["on the ledger", "half", /^looking up topic chunks\.ledger: .* this user the topic/],
  ])("%s", async (_, user, reason) => {
    const scene = await openScene();
    const source = await scene.folder("source");
    const agent = await scene.uploader(source, { kafka: login(user), args: ["--once"] });
    expect(await agent.waitForExit()).toBe(1);
    expect(agent.output).not.toContain("login was refused");
    expect(agent.messages.find((message) => message.includes("deny"))).toMatch(reason);
  });

  test("on the downloaders' group", async () => {
    const scene = await openScene();
    const agent = await scene.downloader(await scene.folder("output"), {
      kafka: login("receiver"),
      downloader: { group: "somebody-elses" },
      args: ["--once"],
    });
    expect(await agent.waitForExit()).toBe(1);
    expect(agent.output).toContain("it needs READ on group somebody-elses");
  });
});

test("without TLS on a port with it, --once says so and exits 1", async () => {
  const scene = await openScene();
  const options = { kafka: { brokers: kafka.listener("MUTUAL") }, args: ["--once"] };
  const agent = await scene.uploader(await scene.folder("source"), options);
  expect(await agent.waitForExit()).toBe(1);
  expect(agent.output).toMatch(/the brokers speak TLS on this port.*kafka\.tls\.enabled/);
});

test("a group is forgotten without the right to remove it from Kafka, and that is said; not without that to see who is in it", async () => {
  const scene = await openScene();
  const group = "members-archive";
  const agent = await scene.downloader(await scene.folder("output"), {
    kafka: login("receiver"),
    downloader: { group },
    args: ["--once"],
  });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  const forget = async (user: string) =>
    outcomeOf(scene.agent(await forgetArguments(scene, ["group", group, "--yes"], login(user))));
  // It may read the ledger, and not ask for the group.
  const refused = await forget("sender");
  expect([refused.code, refused.err]).toEqual([
    1,
    `streamsend-agent: looking up group ${group}: the brokers deny this user the group: it needs DESCRIBE on group ${group}\n`,
  ]);
  const { code, out, err } = await forget("receiver");
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain(`its positions stay in Kafka, as this user lacks DELETE on group ${group}`);
});

test("find needs no right but to read the ledger, and says in a line what it lacks", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const agent = await scene.uploader(source, { name: "till-9", kafka: login("sender"), args: ["--once"] });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  const find = async (kafka: Settings) =>
    outcomeOf(scene.agent(await findArguments(scene, ["--uploader", "till-9"], kafka)));
  const { code, out, err } = await find(login("reader"));
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/ sent .* till-9 .* a\.txt$/m);
  const without = { ...login("reader"), sasl: { mechanism: "plain", username: "reader", password } };
  const wrong = {
    ...login("reader"),
    sasl: { mechanism: "scram-sha-512", username: "reader", password: "x" },
  };
  const line = /^streamsend-agent: [^\n]*\n$/;
  for (const [settings, reason] of [
    [login("stranger"), "deny this user the topic"],
    [wrong, "login was refused"],
    [without, "do not offer this kafka.sasl.mechanism"],
    [{ ...topics, brokers: kafka.listener("MUTUAL") }, "the brokers speak TLS on this port"],
    [{ ...topics, brokers: kafka.listener("MUTUAL"), tls: { enabled: true } }, "kafka.tls.ca"],
  ] as const) {
    const refused = await find(settings);
    expect([refused.code, refused.out]).toEqual([1, ""]);
    expect(refused.err).toMatch(line);
    expect(refused.err).toContain(reason);
  }
});
