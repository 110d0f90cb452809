/**
 * What one end-to-end test plays in: topics and names of its own, folders, and the agents that it starts. All of it
 * is gone when the test is over, however it ends.
 */
import { afterEach, setDefaultTimeout } from "bun:test";
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess, executable, type StartOptions } from "./agent-process.ts";
import { sharedKafka } from "./kafka.ts";
import { PlainKafka } from "./plain-kafka.ts";
import { patienceMs } from "./wait.ts";

/** Settings as the configuration file has them; a test names only what it is about. */
export type Settings = {
  [key: string]: string | number | boolean | readonly string[] | Settings | Settings[];
};

export interface AgentOptions extends StartOptions {
  /** The agent's name; a test with several uploaders gives each its own. */
  name?: string;
  kafka?: Settings;
  uploader?: Settings;
  downloader?: Settings;
  /** Further settings at the top of the file. */
  settings?: Settings;
  /** Further arguments: `--once`, `--set`. */
  args?: readonly string[];
}

export class Scene {
  readonly topic = `files-${crypto.randomUUID()}`;
  readonly ledger = `${this.topic}.ledger`;
  /** Its own, too: a member of another test that was killed would hold up this one's. */
  readonly group = `group-${crypto.randomUUID()}`;
  readonly brokers: string;
  readonly #root: string;
  readonly #agents: AgentProcess[] = [];
  #kafka: PlainKafka | undefined;
  #made = 0;

  private constructor(brokers: string, root: string) {
    this.brokers = brokers;
    this.#root = root;
  }

  static async open(brokers: string): Promise<Scene> {
    return new Scene(brokers, await mkdtemp(join(tmpdir(), "streamsend-e2e-")));
  }

  /** A new, empty folder. */
  async folder(name: string): Promise<string> {
    const path = join(this.#root, `${this.#made++}-${name}`);
    await mkdir(path);
    return path;
  }

  /** Starts an uploader of one folder; settles fast, so that tests do not wait for it. */
  uploader(watch: string, options: AgentOptions = {}): Promise<AgentProcess> {
    return this.#start("uploader", options, {
      uploader: { watch: [{ path: watch }], settle: "100ms", rescan: "1s", ...options.uploader },
    });
  }

  downloader(output: string, options: AgentOptions = {}): Promise<AgentProcess> {
    return this.#start("downloader", options, {
      downloader: { output, group: this.group, ...options.downloader },
    });
  }

  /** Any command line. */
  agent(args: readonly string[], options: StartOptions = {}): AgentProcess {
    const agent = new AgentProcess(args, options);
    this.#agents.push(agent);
    return agent;
  }

  /** A copy of the executable where any user may run it. */
  async executableForAll(): Promise<string> {
    const copy = join(this.#root, "streamsend-agent");
    await copyFile(executable, copy);
    await chmod(copy, 0o755);
    await chmod(this.#root, 0o755);
    return copy;
  }

  /** A plain client of the scene's broker. */
  async kafka(): Promise<PlainKafka> {
    this.#kafka ??= await PlainKafka.open(this.brokers);
    return this.#kafka;
  }

  /** Writes a configuration file; gives its path. */
  async configuration(settings: Settings): Promise<string> {
    const path = join(this.#root, `${this.#made++}-config.yaml`);
    await writeFile(path, JSON.stringify(settings, null, 2)); // JSON is YAML
    return path;
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.kill()));
    await this.#kafka?.close();
    await rm(this.#root, { recursive: true, force: true });
  }

  async #start(role: string, options: AgentOptions, ofRole: Settings): Promise<AgentProcess> {
    const config = await this.configuration({
      role,
      name: options.name ?? role,
      kafka: {
        brokers: this.brokers,
        topic: this.topic,
        ledger: this.ledger,
        // The broker of the tests has enough to do.
        ledger_partitions: 4,
        ...options.kafka,
      },
      http: { listen: "off" },
      ...ofRole,
      ...options.settings,
    });
    return this.agent(["run", "--config", config, ...(options.args ?? [])], options);
  }
}

/**
 * For the head of a test file: gives the function that opens a scene, and closes after each test what that opened.
 * Without `brokers` the scenes are on the broker that all test files share.
 */
export function useScenes(brokers: () => Promise<string> = sharedBrokers): () => Promise<Scene> {
  const open: Scene[] = [];
  setDefaultTimeout(3 * patienceMs);
  afterEach(async () => {
    await Promise.all(open.splice(0).map((scene) => scene.close()));
  });
  return async () => {
    const scene = await Scene.open(await brokers());
    open.push(scene);
    return scene;
  };
}

async function sharedBrokers(): Promise<string> {
  return (await sharedKafka()).bootstrap;
}
