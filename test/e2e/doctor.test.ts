/** `doctor` on the executable: what it finds, and what it says to do about it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess, StartOptions } from "../support/agent-process.ts";
import { Faults } from "../support/faults.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import type { PlainKafka } from "../support/plain-kafka.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";

const openScene = useScenes(async () => kafka.bootstrap);
const password = "correct-horse";
let kafka: Kafka;

beforeAll(async () => {
  const login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  kafka = await startKafka({
    listeners: [{ name: "LOGIN", protocol: "SASL_PLAINTEXT" }],
    settings: {
      "sasl.enabled.mechanisms": "PLAIN",
      "listener.name.login.plain.sasl.jaas.config": `${login} user_till="${password}" user_stranger="${password}";`,
      "connection.failed.authentication.delay.ms": 10,
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS;User:till",
      // What is older than its retention stays until the test has looked at it.
      "log.retention.check.interval.ms": 3_600_000,
    },
  });
});

afterAll(() => kafka.stop());

interface Options extends StartOptions {
  kafka?: Settings;
  uploader?: Settings;
  downloader?: Settings;
  settings?: Settings;
}

async function doctor(scene: Scene, settings: Settings, options: Options): Promise<AgentProcess> {
  const { topic, ledger, brokers } = scene;
  const config = await scene.configuration({
    kafka: { brokers, topic, ledger, ledger_partitions: 4, ...options.kafka },
    // Who has the default port on the tests' machine is not what they are about.
    http: { listen: "off" },
    ...settings,
    ...options.settings,
  });
  const agent = scene.agent(["doctor", "--config", config], options);
  await agent.waitForExit();
  expect(agent.output).not.toContain(password);
  return agent;
}

async function uploaders(scene: Scene, options: Options = {}): Promise<AgentProcess> {
  const path = options.uploader?.watch ?? (await scene.folder("source"));
  const settings = { role: "uploader", name: "till", uploader: { watch: [{ path }], ...options.uploader } };
  if (typeof path === "string") settings.uploader.watch = [{ path }];
  return doctor(scene, settings as Settings, options);
}

async function downloaders(scene: Scene, options: Options = {}): Promise<AgentProcess> {
  const output = options.downloader?.output ?? (await scene.folder("output"));
  const downloader = { group: scene.group, output, ...options.downloader };
  return doctor(scene, { role: "downloader", name: "inbox", downloader } as Settings, options);
}

/** The lines that begin with this mark: "FAIL". */
function lines(agent: AgentProcess, mark: string): string[] {
  return agent.output.split("\n").filter((line) => line.startsWith(`${mark} `));
}

/** Exactly one line says FAIL, and it says this; exit code 1. */
async function expectOneFailure(agent: AgentProcess, pattern: RegExp): Promise<void> {
  expect(lines(agent, "FAIL")).toEqual([expect.stringMatching(pattern)]);
  expect(await agent.waitForExit()).toBe(1);
}

async function makeTopics(
  scene: Scene,
  chunks: Record<string, string> = {},
  ledger: Record<string, string> = {},
): Promise<PlainKafka> {
  const plain = await scene.kafka();
  const byBrokers = { "message.timestamp.type": "LogAppendTime" };
  await plain.createTopic(scene.topic, 1, { ...byBrokers, ...chunks });
  await plain.createTopic(scene.ledger, 4, { ...byBrokers, "cleanup.policy": "compact", ...ledger });
  return plain;
}

describe("where everything is right it says so and exits 0", () => {
  test("for an uploader and a downloader, and leaves nothing behind", async () => {
    const scene = await openScene();
    await makeTopics(scene);
    const source = await scene.folder("source");
    const output = await scene.folder("output");
    await writeFile(join(source, "a.txt"), "a");
    const uploader = await uploaders(scene, { uploader: { watch: source } });
    const downloader = await downloaders(scene, { downloader: { output } });
    for (const agent of [uploader, downloader]) {
      expect(await agent.waitForExit()).toBe(0);
      for (const mark of ["FAIL", "warn", "-"]) expect(lines(agent, mark)).toEqual([]);
      expect(agent.output).toContain("nothing is wrong");
    }
    expect(lines(uploader, "ok").join("\n")).toMatch(
      /brokers: 1 reached.*topic files-.*kept for 7 days.*ledger.*compacted.*WRITE.*READ, WRITE.*name till.*clock.*1 file opened.*inotify/s,
    );
    expect(lines(downloader, "ok").join("\n")).toMatch(
      /backlog: everything is read.*clock.*output.*disk: .* free/s,
    );
    expect(await readdir(output)).toEqual([]);
    const plain = await scene.kafka();
    expect(await plain.endOffsets(scene.topic)).toEqual([0]);
    expect(await plain.endOffsets(scene.ledger)).toEqual([0, 0, 0, 0]);
  });

  test("for topics that the agent will make, and makes none", async () => {
    const scene = await openScene();
    const agent = await uploaders(scene);
    expect(await agent.waitForExit()).toBe(0);
    expect(agent.output).toMatch(/ok +topic files-.* the agent will make it, with 1 partition/);
    expect((await scene.kafka()).describeTopic(scene.topic)).rejects.toThrow();
  });

  test("beside a running agent of the same configuration", async () => {
    const scene = await openScene();
    const source = await scene.folder("source");
    const running = await scene.uploader(source, { name: "till", settings: { log: { level: "debug" } } });
    await running.waitForLine(/made topic .*\.ledger/);
    const held = async () => (await uploaders(scene, { uploader: { watch: source } })).output;
    let said = await held();
    while (said.includes("nobody has used it")) said = await held();
    expect(said).toMatch(/ok +name till: held by an agent on this host/);
    expect(running.isRunning).toBe(true);
  });
});

describe("it finds brokers that", () => {
  test("are not there, within ten seconds, and still looks at the rest", async () => {
    const scene = await openScene();
    const agent = await uploaders(scene, { kafka: { brokers: "127.0.0.1:9" } });
    await expectOneFailure(
      agent,
      /brokers: none.*127\.0\.0\.1:9 \(connection refused\); fix: check kafka\.brokers/,
    );
    expect(lines(agent, "-")).toEqual([expect.stringContaining("topics, rights, limits, retention, clock")]);
    expect(agent.output).toMatch(/ok +watch /);
  });

  test("do not speak TLS", async () => {
    const agent = await downloaders(await openScene(), { kafka: { tls: { enabled: true } } });
    await expectOneFailure(agent, /TLS: the brokers do not speak TLS.*; fix: check kafka\.brokers/);
  });

  test("refuse the login", async () => {
    const sasl = { mechanism: "plain", username: "till", password: "wrong" };
    const agent = await uploaders(await openScene(), { kafka: { brokers: kafka.listener("LOGIN"), sasl } });
    await expectOneFailure(
      agent,
      /login: the login was refused; fix: check kafka\.sasl\.mechanism, username/,
    );
  });

  test("take a login whose password anybody can read on the way, with a warning", async () => {
    const sasl = { mechanism: "plain", username: "till", password };
    const agent = await uploaders(await openScene(), { kafka: { brokers: kafka.listener("LOGIN"), sasl } });
    expect(await agent.waitForExit()).toBe(0);
    expect(lines(agent, "warn")).toEqual([
      expect.stringMatching(/login: plain as till.*; fix: .*kafka\.tls/),
    ]);
  });

  test("give this user too few rights: both roles are told the command", async () => {
    const scene = await openScene();
    await makeTopics(scene);
    await kafka.allow(["stranger"], ["--topic", scene.topic], "Describe", "DescribeConfigs");
    await kafka.allow(["stranger"], ["--topic", scene.ledger], "Read", "DescribeConfigs");
    const options = {
      kafka: {
        brokers: kafka.listener("LOGIN"),
        sasl: { mechanism: "plain", username: "stranger", password },
      },
    };
    const uploader = await uploaders(scene, options);
    expect(await uploader.waitForExit()).toBe(1);
    expect(lines(uploader, "FAIL")).toEqual([
      expect.stringMatching(
        /WRITE denied.*; fix: kafka-acls\.sh .* User:stranger --operation Write --topic files-/,
      ),
      expect.stringMatching(/WRITE denied.*--topic files-.*\.ledger$/),
      expect.stringMatching(/DESCRIBE denied.*--operation Describe --group streamsend-reader-till$/),
    ]);
    const downloader = await downloaders(scene, options);
    expect(await downloader.waitForExit()).toBe(1);
    expect(lines(downloader, "FAIL").join("\n")).toMatch(
      /READ denied.*WRITE denied.*READ denied.*--group group-/s,
    );
  });
});

describe("it finds a topic that", () => {
  test("is missing where none may be made, and gives the command that makes it", async () => {
    const agent = await uploaders(await openScene(), { kafka: { create_topics: false } });
    expect(await agent.waitForExit()).toBe(1);
    expect(lines(agent, "FAIL")).toEqual([
      expect.stringMatching(/topic files-.*is missing.*; fix: kafka-topics\.sh .*--create .*LogAppendTime/),
      expect.stringMatching(/ledger files-.*is missing.*; fix: .*--partitions 4 .*cleanup\.policy=compact/),
    ]);
  });

  test("could not be made as configured", async () => {
    const agent = await uploaders(await openScene(), { kafka: { replication: 3 } });
    expect(await agent.waitForExit()).toBe(1);
    expect(lines(agent, "FAIL")[0]).toMatch(
      /topic .* would not make it: .*replication.*; fix: correct kafka\.replication/,
    );
  });

  test.each<[string, Record<string, string>, Record<string, string>, RegExp]>([
    [
      "loses chunks by compaction",
      { "cleanup.policy": "compact" },
      {},
      /topic files-.*cleanup\.policy is compact.*; fix: kafka-configs\.sh .*cleanup\.policy=delete/,
    ],
    [
      "forgets what arrived",
      {},
      { "cleanup.policy": "delete" },
      /ledger files-.*cleanup\.policy is delete.*; fix: kafka-configs\.sh .*\.ledger .*cleanup\.policy=compact/,
    ],
    [
      "takes no chunks",
      { "max.message.bytes": "1000" },
      {},
      /topic files-.*max\.message\.bytes is 1000.*; fix: .*max\.message\.bytes=/,
    ],
  ])("%s", async (_, chunks, ledger, pattern) => {
    const scene = await openScene();
    await makeTopics(scene, chunks, ledger);
    await expectOneFailure(await uploaders(scene), pattern);
  });

  test("wants more replicas in sync than it has, which this broker does not mind: with a warning", async () => {
    const scene = await openScene();
    const plain = await makeTopics(scene, { "min.insync.replicas": "2" });
    const agent = await uploaders(scene);
    expect(await agent.waitForExit()).toBe(0);
    expect(lines(agent, "warn")).toEqual([
      expect.stringMatching(
        /topic files-.*min\.insync\.replicas is 2, with 1 replica: brokers before 3\.7.*; fix: .*min\.insync\.replicas=1/,
      ),
    ]);
    await plain.produce(scene.topic, [{ key: "", value: Buffer.from("x"), headers: [] }]);
    expect(await plain.endOffsets(scene.topic)).toEqual([1]);
  });

  test("goes by the devices' clocks, and measures this one's", async () => {
    const scene = await openScene();
    await makeTopics(scene, { "message.timestamp.type": "CreateTime" });
    const agent = await uploaders(scene);
    expect(await agent.waitForExit()).toBe(0);
    expect(lines(agent, "warn")).toEqual([expect.stringMatching(/CreateTime.*; fix: .*LogAppendTime/)]);
    expect(agent.output).toMatch(/ok +clock: .* (behind|ahead of) the brokers'/);
    const records = await (await scene.kafka()).readAll(scene.ledger);
    expect(records.map(({ key, value }) => [key, value])).toEqual([["doctor/till", null]]);
  });

  test("goes by the devices' clocks, where this one's is years off", async () => {
    const scene = await openScene();
    await makeTopics(scene, { "message.timestamp.type": "CreateTime" });
    const faults = await Faults.make(await scene.folder("faults"));
    await faults.setClock(-10 * 365 * 86_400);
    await expectOneFailure(
      await uploaders(scene, { env: faults.env }),
      /clock: .* behind the brokers', and topic .* goes by it \(CreateTime\).*; fix: set the clock/,
    );
  });

  test("takes smaller chunks than configured, or has other partitions, with warnings", async () => {
    const scene = await openScene();
    await makeTopics(scene, { "max.message.bytes": "100000" });
    const options = { uploader: { chunk: "1MB" }, kafka: { ledger_partitions: 8 } };
    const agent = await uploaders(scene, options);
    expect(await agent.waitForExit()).toBe(0);
    expect(lines(agent, "warn")).toEqual([
      expect.stringMatching(/topic .*uploader\.chunk \(1000000\).*; fix: .*max\.message\.bytes=/),
      expect.stringMatching(/ledger .*has 4 partitions, not 8.*; fix: set kafka\.ledger_partitions: 4/),
    ]);
  });
});

test("it finds another pipeline in the downloaders' group", async () => {
  const scene = await openScene();
  await makeTopics(scene);
  const other = `other-${scene.topic}`;
  const running = await scene.downloader(await scene.folder("output"), {
    name: "stranger",
    kafka: { topic: other, ledger: `${other}.ledger` },
  });
  await running.waitForLine(/made topic .*\.ledger/);
  const said = async () => lines(await downloaders(scene), "warn");
  let warnings = await said();
  while (warnings.length === 0) warnings = await said();
  expect(warnings).toEqual([
    expect.stringMatching(
      /group group-.*another pipeline \(streamsend-stranger on .* reads other-files-.*; fix: .*downloader\.group/,
    ),
  ]);
});

describe("it finds that a downloader", () => {
  const records = [1, 2, 3].map((n) => ({ key: String(n), value: Buffer.from("x"), headers: [] }));

  test("lags behind what the topic keeps", async () => {
    const scene = await openScene();
    const plain = await makeTopics(scene, { "retention.ms": "1" });
    await plain.produce(scene.topic, records);
    const agent = await downloaders(scene);
    await expectOneFailure(
      agent,
      /backlog: the oldest of 3 unread chunks .* kept for 1 ms.*; fix: .*retention\.ms=\d+/,
    );
  });

  test("has missed chunks for good", async () => {
    const scene = await openScene();
    const plain = await makeTopics(scene);
    await plain.produce(scene.topic, records);
    await plain.commit(scene.group, scene.topic, 1);
    await plain.deleteBefore(scene.topic, 3);
    await expectOneFailure(await downloaders(scene), /backlog: 2 chunks expired.*; fix: .*retention\.ms=/);
  });

  test("is only a little behind", async () => {
    const scene = await openScene();
    await (await makeTopics(scene)).produce(scene.topic, records);
    const agent = await downloaders(scene);
    expect(await agent.waitForExit()).toBe(0);
    expect(agent.output).toMatch(/ok +backlog: the oldest of 3 unread chunks is/);
  });
});

test("it finds an agent on another host that has the uploader's name", async () => {
  const scene = await openScene();
  const plain = await makeTopics(scene);
  const held = { format: 1, instance: crypto.randomUUID(), host: "branch-7", highest: 0, state: "held" };
  const entry = { key: "name/till", value: Buffer.from(JSON.stringify(held)), headers: [] };
  // Whichever of them is the name's.
  for (const partition of [0, 1, 2, 3]) await plain.produce(scene.ledger, [entry], partition);
  const agent = await uploaders(scene);
  expect(await agent.waitForExit()).toBe(0);
  expect(lines(agent, "warn")).toEqual([
    expect.stringMatching(/name till: held by an agent on branch-7.*; fix: give one of the two another name/),
  ]);
});

test("it finds that its HTTP address is taken, by whom, and that its own running agent is no trouble", async () => {
  const scene = await openScene();
  await makeTopics(scene);
  const running = await scene.uploader(await scene.folder("source"), { name: "other", settings: anyPort });
  const { address: listen } = await AgentHttp.of(running);
  const taken = await uploaders(scene, { settings: { http: { listen } } });
  await expectOneFailure(taken, /http 127\.0\.0\.1:\d+: is taken by the agent other; fix: set http\.listen/);
  const own = await uploaders(scene, { settings: { name: "other", http: { listen } } });
  expect(own.output).toMatch(/ok +http .*: held by this agent/);
});

describe("it finds an output that", () => {
  test("another downloader has, while it runs", async () => {
    const scene = await openScene();
    await makeTopics(scene);
    const output = await scene.folder("output");
    const running = await scene.downloader(output, { name: "other", settings: anyPort });
    await (await AgentHttp.of(running)).waitForReadiness(true);
    const held = async () => lines(await downloaders(scene, { downloader: { output } }), "FAIL");
    let failures = await held();
    while (failures.length === 0) failures = await held();
    expect(failures).toEqual([
      expect.stringMatching(/output .* is in use by other \(process \d+ on .*; fix: give each/),
    ]);
    const own = await downloaders(scene, { downloader: { output }, settings: { name: "other" } });
    expect(lines(own, "FAIL")).toEqual([]);
  });

  test("is missing, and does not make it", async () => {
    const scene = await openScene();
    const parent = await scene.folder("parent");
    const agent = await downloaders(scene, { downloader: { output: join(parent, "inbox") } });
    await expectOneFailure(agent, /output .*inbox: is not there.*; fix: mkdir -p .*inbox/);
    expect(await readdir(parent)).toEqual([]);
  });

  test("is a file", async () => {
    const scene = await openScene();
    const output = join(await scene.folder("parent"), "inbox");
    await writeFile(output, "");
    await expectOneFailure(
      await downloaders(scene, { downloader: { output } }),
      /output .*is no folder; fix: /,
    );
  });

  test("has too little room", async () => {
    const agent = await downloaders(await openScene(), { downloader: { min_free: "1000TiB" } });
    await expectOneFailure(agent, /disk: .* free, downloader\.min_free is 1000 TiB.*; fix: make room/);
  });

  test("is no mount point where one is required", async () => {
    const agent = await downloaders(await openScene(), { downloader: { require_mount: true } });
    await expectOneFailure(agent, /output .*not a mount point.*; fix: mount it/);
  });

  test("may not be written to", async () => {
    const scene = await openScene();
    const output = await scene.folder("output");
    const agent = await downloaders(scene, { downloader: { output }, ...(await asNobody(scene)) });
    await expectOneFailure(agent, /output .*can't be written to by this user; fix: chown 65534 /);
  });
});

describe("it finds a watch that", () => {
  test("is missing", async () => {
    const scene = await openScene();
    const watch = join(await scene.folder("parent"), "outbox");
    await expectOneFailure(
      await uploaders(scene, { uploader: { watch } }),
      /watch .*outbox: is not there.*; fix: mkdir -p/,
    );
  });

  test("has a file that may not be read", async () => {
    const scene = await openScene();
    const watch = await scene.folder("source");
    await mkdir(join(watch, "inner"));
    await writeFile(join(watch, "inner", "secret"), "s", { mode: 0o600 });
    const agent = await uploaders(scene, { uploader: { watch }, ...(await asNobody(scene)) });
    await expectOneFailure(agent, /watch .*inner\/secret can't be read by this user; fix: setfacl/);
  });
});

describe("it finds that what is sent could not be", () => {
  test("deleted, for want of a right", async () => {
    const scene = await openScene();
    const watch = await scene.folder("source");
    const options = { uploader: { watch, after: "delete" }, ...(await asNobody(scene)) };
    await expectOneFailure(
      await uploaders(scene, options),
      /after: delete: nothing can be taken out of .*; fix: /,
    );
  });

  test("moved, as the folder is not there", async () => {
    const scene = await openScene();
    const move_to = join(await scene.folder("parent"), "sent");
    const agent = await uploaders(scene, { uploader: { after: "move", move_to } });
    await expectOneFailure(agent, /after: move: .*sent is not there.*; fix: mkdir -p .*sent/);
  });

  test("moved, and says where it could", async () => {
    const scene = await openScene();
    const move_to = await scene.folder("sent");
    const agent = await uploaders(scene, { uploader: { after: "move", move_to } });
    expect(await agent.waitForExit()).toBe(0);
    expect(agent.output).toMatch(/ok +after: move: .*sent is writable/);
  });
});

test("a configuration that the client refuses is exit 2, as one that the agent refuses", async () => {
  const scene = await openScene();
  const agent = await uploaders(scene, { kafka: { options: { "no.such.property": "1" } } });
  expect(await agent.waitForExit()).toBe(2);
  expect(lines(agent, "FAIL")).toEqual([expect.stringContaining("no.such.property")]);
  const refused = scene.agent(["doctor", "--role", "downloader"]);
  expect(await refused.waitForExit()).toBe(2);
  expect(refused.errors).toContain("downloader.output: required");
});

/** To run as a user who owns nothing here; the tests may be root, whom no file refuses. */
async function asNobody(scene: Scene): Promise<StartOptions> {
  const launcher =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  return { launcher, executable: await scene.executableForAll() };
}
