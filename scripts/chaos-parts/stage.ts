/** Everything that a run plays on: folders, small disks, the broker, a link for each agent, and the agents. `close` takes it all away. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../test/support/compare.ts";
import { Faults } from "../../test/support/faults.ts";
import { type Kafka, startKafkaBehind } from "../../test/support/kafka.ts";
import { type Link, Toxiproxy } from "../../test/support/toxiproxy.ts";
import { type AgentRole, ChaosAgent, type Settings } from "./agent.ts";

import type { Source } from "./generator.ts";
import type { LogLine } from "./log-line.ts";
import type { ChaosOptions } from "./options.ts";
import { giveRights, ledger, topic } from "./rights.ts";
import type { WatchedDisk } from "./watcher.ts";

export interface StageDisk extends WatchedDisk {
  /** The folder that has the output, the trash and the ballast; the mount point of a small disk. */
  root: string;
  small: boolean;
}

type Parts =
  | "sources"
  | "staging"
  | "disks"
  | "uploaders"
  | "downloaders"
  | "kafka"
  | "proxy"
  | "noSmallDisks";

export interface StageEvents {
  onLine(agent: ChaosAgent, line: LogLine): void;
  onEnd(agent: ChaosAgent, how: string): void;
}

export const groups = ["inbox", "mirror"] as const;
/** Two of one group, who share the work, and one that mirrors everything. */
const plannedDisks = [
  { name: "inbox-1", group: "inbox", small: false },
  { name: "inbox-2", group: "inbox", small: true },
  { name: "mirror", group: "mirror", small: true },
];
const uploaderNames = ["till-1", "till-2", "till-3"];
const smallDiskBytes = 1 << 30;
const minFreeBytes = 32 << 20;
/** A member that is stopped for longer loses its partitions. The agent takes a commit of up to 10 s ago for membership. */
const sessionMs = 12_000;
const brokerSettings = {
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  // Whatever no right is written down for; of the topics there are some.
  "allow.everyone.if.no.acl.found": "true",
  // A long run sends more than the disk should have to hold; what is this far behind has been read by everybody.
  "log.retention.bytes": 512 << 20,
  "log.segment.bytes": 64 << 20,
  "log.retention.check.interval.ms": 15_000,
  "log.segment.delete.delay.ms": 1000,
};

export class Stage {
  readonly sources: readonly Source[];
  readonly staging: string;
  readonly disks: readonly StageDisk[];
  readonly uploaders: readonly ChaosAgent[];
  readonly downloaders: readonly ChaosAgent[];
  readonly kafka: Kafka;
  readonly proxy: Toxiproxy;
  /** Why there are no small disks, if so. */
  readonly noSmallDisks: string | undefined;

  private constructor(parts: Pick<Stage, Parts>) {
    this.sources = parts.sources;
    this.staging = parts.staging;
    this.disks = parts.disks;
    this.uploaders = parts.uploaders;
    this.downloaders = parts.downloaders;
    this.kafka = parts.kafka;
    this.proxy = parts.proxy;
    this.noSmallDisks = parts.noSmallDisks;
  }

  static async open(options: ChaosOptions, events: StageEvents): Promise<Stage> {
    const { folder } = options;
    const sources = uploaderNames.map((uploader) => ({
      uploader,
      folder: newFolder(folder, "source", uploader),
    }));
    const disks = plannedDisks.map((disk, at) => {
      const root = newFolder(disksIn(folder)[at] ?? "");
      return { ...disk, root, output: join(root, "output"), trash: join(root, "trash") };
    });
    const noSmallDisks = await mountSmallDisks(disks);
    for (const disk of disks) for (const path of [disk.output, disk.trash]) mkdirSync(path);
    const proxy = await Toxiproxy.start();
    const names = [...uploaderNames, ...disks.map(({ name }) => name)];
    const links = new Map<string, Link>();
    for (const name of names) links.set(name, await proxy.open(name));
    const kafka = await startKafkaBehind([...links.values()], { settings: brokerSettings });
    await giveRights(kafka);
    const faults = new Map<string, Faults>();
    for (const name of names) faults.set(name, await Faults.make(newFolder(folder, "faults", name)));

    const agent = (role: AgentRole, name: string, settings: Settings) => {
      const [httpPort, otherPort] = [freePort(), freePort()];
      const link = links.get(name) as Link;
      const shared = sharedSettings(role, name, link.port, httpPort);
      const { kafka: kafkaSettings, ...ofRole } = settings;
      const all = { ...shared, kafka: { ...shared.kafka, ...(kafkaSettings as object) }, ...ofRole };
      return new ChaosAgent({
        name,
        role,
        link,
        httpPorts: [httpPort, otherPort],
        executable: options.executable,
        base: join(folder, name),
        faults: faults.get(name) as Faults,
        settings: all,
        ...events,
      });
    };
    const uploaders = sources.map((source, at) =>
      agent("uploader", source.uploader, uploaderSettings(source, at < options.afterDelete)),
    );
    const downloaders = disks.map((disk) => agent("downloader", disk.name, downloaderSettings(disk)));
    return new Stage({
      sources,
      staging: newFolder(folder, "staging"),
      disks,
      uploaders,
      downloaders,
      kafka,
      proxy,
      noSmallDisks,
    });
  }

  get agents(): ChaosAgent[] {
    return [...this.uploaders, ...this.downloaders];
  }

  startAll(): void {
    for (const agent of this.agents) agent.start();
  }

  downloaderOf(disk: string): ChaosAgent {
    return this.downloaders.find(({ name }) => name === disk) as ChaosAgent;
  }

  /** Takes everything away, however things stand. */
  async close(): Promise<void> {
    for (const agent of this.agents) agent.thaw();
    await Promise.all(this.agents.map((agent) => agent.kill()));
    await this.proxy.stop();
    process.kill(this.kafka.pid, "SIGCONT");
    await this.kafka.stop();
    for (const { root, small } of this.disks) {
      if (small && this.noSmallDisks === undefined) await run(["umount", root]);
      rmSync(root, { recursive: true, force: true });
    }
  }
}

/** Where the disks of a run in this folder are; some are mount points. */
export function disksIn(folder: string): string[] {
  return plannedDisks.map(({ name }) => join(folder, "disks", name));
}

function newFolder(...parts: string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Below the ports that the kernel gives to outgoing connections: one of those could hold it while an agent is down. */
function freePort(): number {
  for (;;) {
    const port = 14_000 + Math.floor(Math.random() * 6000);
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).stop(true);
      return port;
    } catch {
      // Taken: another one.
    }
  }
}

/** File systems in memory, which are easily filled. Gives the reason where this user may not mount. */
async function mountSmallDisks(disks: readonly StageDisk[]): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "mounting needs root";
  for (const { root } of disks.filter(({ small }) => small)) {
    const { code, errors } = await run([
      "mount",
      "-t",
      "tmpfs",
      "-o",
      `size=${smallDiskBytes}`,
      "streamsend-chaos",
      root,
    ]);
    if (code !== 0) return `mount: ${errors.trim()}`;
  }
  return undefined;
}

function sharedSettings(role: AgentRole, name: string, port: number, httpPort: number) {
  return {
    role,
    name,
    kafka: { brokers: [`127.0.0.1:${port}`], topic, ledger, partitions: 6, ledger_partitions: 4 },
    http: { listen: `127.0.0.1:${httpPort}` },
    log: { format: "json", level: "debug" },
  };
}

function uploaderSettings({ folder }: Source, afterDelete: boolean): Settings {
  const after = afterDelete ? { after: "delete", after_when: "delivered", after_groups: groups } : {};
  // Slow enough that a large file takes a while, so that it can be hit in the middle.
  return { uploader: { watch: [{ path: folder }], settle: "1s", rescan: "3s", rate: "20MB/s", ...after } };
}

function downloaderSettings({ output, group }: StageDisk): Settings {
  return {
    kafka: { options: { "session.timeout.ms": sessionMs, "heartbeat.interval.ms": 2000 } },
    downloader: { output, group, min_free: minFreeBytes },
  };
}
