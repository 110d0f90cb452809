/** `doctor` on the executable: what it finds, and what it says to do about it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import {
  doctorDownloader,
  doctorUploader,
  expectOneFailure,
  lines,
  makeTopics,
  password,
} from "../support/doctor.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes(async () => kafka.bootstrap);
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

describe("where everything is right it says so and exits 0", () => {
  test("for an uploader and a downloader, and leaves nothing behind", async () => {
    const scene = await openScene();
    await makeTopics(scene);
    const source = await scene.folder("source");
    const output = await scene.folder("output");
    await writeFile(join(source, "a.txt"), "a");
    const uploader = await doctorUploader(scene, { uploader: { watch: source } });
    const downloader = await doctorDownloader(scene, { downloader: { output } });
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
    const agent = await doctorUploader(scene);
    expect(await agent.waitForExit()).toBe(0);
    expect(agent.output).toMatch(/ok +topic files-.* the agent will make it, with 1 partition/);
    expect((await scene.kafka()).describeTopic(scene.topic)).rejects.toThrow();
  });

  test("beside a running agent of the same configuration", async () => {
    const scene = await openScene();
    const source = await scene.folder("source");
    const running = await scene.uploader(source, { name: "till", settings: { log: { level: "debug" } } });
    await running.waitForLine(/made topic .*\.ledger/);
    const held = async () => (await doctorUploader(scene, { uploader: { watch: source } })).output;
    let said = await held();
    while (said.includes("nobody has used it")) said = await held();
    expect(said).toMatch(/ok +name till: held by an agent on this host/);
    expect(running.isRunning).toBe(true);
  });
});

describe("it finds brokers that", () => {
  test("are not there, within ten seconds, and still looks at the rest", async () => {
    const scene = await openScene();
    const agent = await doctorUploader(scene, { kafka: { brokers: "127.0.0.1:9" } });
    await expectOneFailure(
      agent,
      /brokers: none.*127\.0\.0\.1:9 \(connection refused\); fix: check kafka\.brokers/,
    );
    expect(lines(agent, "-")).toEqual([expect.stringContaining("topics, rights, limits, retention, clock")]);
    expect(agent.output).toMatch(/ok +watch /);
  });

  test("do not speak TLS", async () => {
    const agent = await doctorDownloader(await openScene(), { kafka: { tls: { enabled: true } } });
    await expectOneFailure(agent, /TLS: the brokers do not speak TLS.*; fix: check kafka\.brokers/);
  });

  test("refuse the login", async () => {
    const sasl = { mechanism: "plain", username: "till", password: "wrong" };
    const agent = await doctorUploader(await openScene(), {
      kafka: { brokers: kafka.listener("LOGIN"), sasl },
    });
    await expectOneFailure(
      agent,
      /login: the login was refused; fix: check kafka\.sasl\.mechanism, username/,
    );
  });

  test("take a login whose password anybody can read on the way, with a warning", async () => {
    const sasl = { mechanism: "plain", username: "till", password };
    const agent = await doctorUploader(await openScene(), {
      kafka: { brokers: kafka.listener("LOGIN"), sasl },
    });
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
    const uploader = await doctorUploader(scene, options);
    expect(await uploader.waitForExit()).toBe(1);
    expect(lines(uploader, "FAIL")).toEqual([
      expect.stringMatching(
        /WRITE denied.*; fix: kafka-acls\.sh .* User:stranger --operation Write --topic files-/,
      ),
      expect.stringMatching(/WRITE denied.*--topic files-.*\.ledger$/),
    ]);
    const downloader = await doctorDownloader(scene, options);
    expect(await downloader.waitForExit()).toBe(1);
    expect(lines(downloader, "FAIL").join("\n")).toMatch(
      /READ denied.*WRITE denied.*READ denied.*--group group-/s,
    );
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
  const said = async () => lines(await doctorDownloader(scene), "warn");
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
    const agent = await doctorDownloader(scene);
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
    await expectOneFailure(
      await doctorDownloader(scene),
      /backlog: 2 chunks expired.*; fix: .*retention\.ms=/,
    );
  });

  test("is only a little behind", async () => {
    const scene = await openScene();
    await (await makeTopics(scene)).produce(scene.topic, records);
    const agent = await doctorDownloader(scene);
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
  const agent = await doctorUploader(scene);
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
  const taken = await doctorUploader(scene, { settings: { http: { listen } } });
  await expectOneFailure(taken, /http 127\.0\.0\.1:\d+: is taken by the agent other; fix: set http\.listen/);
  const own = await doctorUploader(scene, { settings: { name: "other", http: { listen } } });
  expect(own.output).toMatch(/ok +http .*: held by this agent/);
});

test("a configuration that the client refuses is exit 2, as one that the agent refuses", async () => {
  const scene = await openScene();
  const agent = await doctorUploader(scene, { kafka: { options: { "no.such.property": "1" } } });
  expect(await agent.waitForExit()).toBe(2);
  expect(lines(agent, "FAIL")).toEqual([expect.stringContaining("no.such.property")]);
  const refused = scene.agent(["doctor", "--role", "downloader"]);
  expect(await refused.waitForExit()).toBe(2);
  expect(refused.errors).toContain("downloader.output: required");
});
