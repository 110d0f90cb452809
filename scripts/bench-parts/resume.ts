/**
 * What crosses the network again after a kill -9 in the middle of a file of 2 GB: the bytes of the whole transfer, counted on
 * the way, less those of a transfer without a kill.
 */
import { join } from "node:path";
import { type Kafka, startKafka } from "../../test/support/kafka.ts";
import type { Agent } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { CountingLink } from "./counting-link.ts";
import { writeLarge } from "./files.ts";
import { deleteTopic } from "./kafka-tools.ts";
import { printTable } from "./table.ts";

const fileBytes = 2_000_000_000;
const goalMebibytes = 96;
/** Between the two kills of a run the agent works for so many lines of chunks. */
const chunksBetween = 600;

type Victim = "uploader" | "downloader" | undefined;

export async function measureResume(bench: Bench): Promise<void> {
  const links = { uploader: await CountingLink.open(), downloader: await CountingLink.open() };
  const kafka = await startKafka({
    settings: { "log.segment.delete.delay.ms": 0 },
    logLevel: "warn",
    listeners: [
      { name: "UPLOADER", protocol: "PLAINTEXT", advertisedPort: links.uploader.port },
      { name: "DOWNLOADER", protocol: "PLAINTEXT", advertisedPort: links.downloader.port },
    ],
  });
  try {
    links.uploader.target.port = Number(kafka.listener("UPLOADER").split(":")[1]);
    links.downloader.target.port = Number(kafka.listener("DOWNLOADER").split(":")[1]);
    const watch = await bench.newFolder("watch");
    writeLarge(join(watch, "file.bin"), fileBytes);
    const fair = await bytesOf(bench, kafka, links, watch, undefined);
    const rows: string[][] = [];
    for (const victim of ["uploader", "downloader"] as const) {
      const worst: number[] = [];
      for (let round = 0; round < bench.rounds; round++) {
        const killed = await bytesOf(bench, kafka, links, watch, victim);
        worst.push((killed[victim] - fair[victim]) / 2 / 2 ** 20);
      }
      rows.push([victim, Math.max(...worst).toFixed(1), worst.map((one) => one.toFixed(1)).join(", ")]);
    }
    printTable(
      `Resume: MiB that crossed the network again for each kill -9 in a file of ${fileBytes / 1e9} GB (two kills a run)`,
      ["killed", `most (goal ${goalMebibytes})`, "runs"],
      rows,
    );
  } finally {
    await kafka.stop();
    for (const link of Object.values(links)) link.close();
  }
}

/** Bytes that the uploader sent and the downloader received. */
async function bytesOf(
  bench: Bench,
  kafka: Kafka,
  links: Readonly<Record<"uploader" | "downloader", CountingLink>>,
  watch: string,
  victim: Victim,
): Promise<Record<"uploader" | "downloader", number>> {
  const topic = bench.newTopic();
  const output = await bench.newFolder("output");
  const before = { up: links.uploader.up, down: links.downloader.down };
  const brokers = (link: CountingLink) => ({ kafka: { brokers: `127.0.0.1:${link.port}`, topic } });
  const start = {
    uploader: () => bench.uploader(topic, watch, brokers(links.uploader)),
    downloader: () => bench.downloader(topic, output, brokers(links.downloader)),
  };
  const agents: Record<"uploader" | "downloader", Agent> = {
    downloader: await start.downloader(),
    uploader: await start.uploader(),
  };
  const chunk = { uploader: /chunk uploaded/, downloader: /(first|appended) chunk/ };
  for (let kills = victim === undefined ? 0 : 2; kills > 0 && victim !== undefined; kills--) {
    await agents[victim].waitFor(chunk[victim], chunksBetween);
    await bench.kill(agents[victim]);
    agents[victim] = await start[victim]();
  }
  await agents.downloader.waitFor(/file\.bin: merge complete/);
  await agents.uploader.waitFor(/file\.bin: successfully processed/);
  await bench.stop(agents.uploader, agents.downloader);
  await deleteTopic(kafka.bootstrap, topic);
  await bench.clearFolder(output);
  return { uploader: links.uploader.up - before.up, downloader: links.downloader.down - before.down };
}
