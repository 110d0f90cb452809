/** `doctor` on the executable, in both roles, and what it says. */
import { expect } from "bun:test";
import type { AgentProcess, StartOptions } from "./agent-process.ts";
import type { PlainKafka } from "./plain-kafka.ts";
import type { Scene, Settings } from "./scene.ts";

/** Of whoever logs in; it must never be said. */
export const password = "correct-horse";

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

export async function doctorUploader(scene: Scene, options: Options = {}): Promise<AgentProcess> {
  const path = options.uploader?.watch ?? (await scene.folder("source"));
  const settings = { role: "uploader", name: "till", uploader: { watch: [{ path }], ...options.uploader } };
  if (typeof path === "string") settings.uploader.watch = [{ path }];
  return doctor(scene, settings as Settings, options);
}

export async function doctorDownloader(scene: Scene, options: Options = {}): Promise<AgentProcess> {
  const output = options.downloader?.output ?? (await scene.folder("output"));
  const downloader = { group: scene.group, output, ...options.downloader };
  return doctor(scene, { role: "downloader", name: "inbox", downloader } as Settings, options);
}

/** The lines that begin with this mark: "FAIL". */
export function lines(agent: AgentProcess, mark: string): string[] {
  return agent.output.split("\n").filter((line) => line.startsWith(`${mark} `));
}

/** Exactly one line says FAIL, and it says this; exit code 1. */
export async function expectOneFailure(agent: AgentProcess, pattern: RegExp): Promise<void> {
  expect(lines(agent, "FAIL")).toEqual([expect.stringMatching(pattern)]);
  expect(await agent.waitForExit()).toBe(1);
}

export async function makeTopics(
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

/** To run as a user who owns nothing here; the tests may be root, whom no file refuses. */
export async function asNobody(scene: Scene): Promise<StartOptions> {
  const launcher =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  return { launcher, executable: await scene.executableForAll() };
}
