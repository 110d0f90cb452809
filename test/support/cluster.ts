/** Three brokers of one cluster, each partition at all of them, where two must have a record: what clusters mostly are. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Detour, type Kafka, startKafka } from "./kafka.ts";
import type { PlainKafka } from "./plain-kafka.ts";
import { waitUntil } from "./wait.ts";

/** For `beforeAll`: three brokers begin one after the other, each as long as scripts/kafka lets it, milliseconds. */
export const clusterStartMs = 300_000;

/** Three of them have little to do in a test, and a machine that has little memory. */
const heap = "320m";
const settings = {
  "offsets.topic.replication.factor": 3,
  "min.insync.replicas": 2,
  // Leaders stay where a test has them.
  "auto.leader.rebalance.enable": "false",
  // Of the heap: 128 MiB by default.
  "log.cleaner.dedupe.buffer.size": 16 << 20,
};

/** Replicas of a partition; the first one is to lead. */
export interface Placement {
  topic: string;
  partition: number;
  replicas: readonly number[];
}

export class Cluster {
  /** By number, counted from 1. The first one is the controller as well: the others can't be told what changes without it. */
  readonly brokers: readonly [Kafka, Kafka, Kafka];

  private constructor(brokers: readonly [Kafka, Kafka, Kafka]) {
    this.brokers = brokers;
  }

  /** @param detours by which those who come by them go on coming, one for each broker */
  static async start(detours: readonly Detour[] = []): Promise<Cluster> {
    const start = async (at: number, join?: Kafka) => {
      const detour = detours[at];
      const listener = { name: "DETOUR", protocol: "PLAINTEXT" } as const;
      const listeners = detour ? [{ ...listener, advertisedPort: detour.port }] : [];
      const kafka = await startKafka({ heap, settings, listeners, ...(join ? { join } : {}) });
      await detour?.lead(kafka.listener(listener.name));
      return kafka;
    };
    const first = await start(0);
    // Each is given its number as it joins.
    return new Cluster([first, await start(1, first), await start(2, first)]);
  }

  async stop(): Promise<void> {
    const [first, ...others] = this.brokers;
    // The first one decides for all: without it the others could not end in order.
    await Promise.all(others.map((broker) => broker.stop()));
    await first.stop();
  }

  get bootstrap(): string {
    return this.brokers.map(({ bootstrap }) => bootstrap).join(",");
  }

  broker(number: number): Kafka {
    const found = this.brokers[number - 1];
    if (!found) throw new Error(`no broker ${number}`);
    return found;
  }

  /** @param replicas of each partition; the first one leads */
  async makeTopic(
    name: string,
    replicas: readonly (readonly number[])[],
    settings: Readonly<Record<string, string>>,
  ): Promise<void> {
    const config = Object.entries(settings).flatMap(([key, value]) => ["--config", `${key}=${value}`]);
    const assignment = replicas.map((brokers) => brokers.join(":")).join(",");
    const wanted = ["--topic", name, "--replica-assignment", assignment, ...config];
    await this.brokers[0].tool("org.apache.kafka.tools.TopicCommand", "--create", ...wanted);
  }

  /** Moves partitions, and has the first broker of each lead it. */
  async place(kafka: PlainKafka, placements: readonly Placement[]): Promise<void> {
    const [first] = this.brokers;
    const file = join(first.dir, "placements.json");
    await writeFile(file, JSON.stringify({ version: 1, partitions: placements }));
    await first.tool(reassignment, "--execute", "--reassignment-json-file", file);
    const places = Map.groupBy(placements, ({ topic }) => topic);
    for (const [topic, wanted] of places)
      await waitUntil(`${topic} is moved`, async () => {
        const found = await kafka.placesOf(topic);
        return wanted.every(({ partition, replicas }) => {
          const place = found.find((one) => one.partition === partition);
          return String(place?.replicas) === String(replicas) && place?.inSync.length === replicas.length;
        });
      });
    await first.tool(election, "--election-type", "preferred", "--all-topic-partitions");
  }
}

const reassignment = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
const election = "org.apache.kafka.tools.LeaderElectionCommand";

/** Until every partition of the topic has a leader and is at all of its brokers. */
export async function waitForReplicas(kafka: PlainKafka, topic: string): Promise<void> {
  await waitUntil(`${topic} is in sync`, async () => {
    // One that has just stopped may have been asked.
    const places = await kafka.placesOf(topic).catch(() => undefined);
    return places?.every(
      ({ leader, replicas, inSync }) => leader !== undefined && inSync.length === replicas.length,
    );
  });
}
