/** A downloader with a thousand files that are begun and not finished: its memory and its handles, while a large file passes. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { chunksOf } from "../../test/support/hand-made.ts";
import { PlainKafka } from "../../test/support/plain-kafka.ts";
import { peakBytes } from "../../test/support/proc.ts";
import type { Bench } from "./bench.ts";
import { writeLarge } from "./files.ts";
import { printTable } from "./table.ts";

const incomplete = 1000;
const chunkBytes = 100_000;
const goalMebibytes = 128;

export async function measureIncomplete(bench: Bench): Promise<void> {
  const kafka = await bench.kafka();
  const topic = bench.newTopic();
  const client = await PlainKafka.open(kafka.bootstrap);
  try {
    await client.createTopic(topic);
    const { id: topicId } = await client.describeTopic(topic);
    const content = Buffer.alloc(3 * chunkBytes, "x");
    for (let at = 0; at < incomplete; at++) {
      const file = { uploader: "gone", path: `${at}.bin`, content, chunkBytes, topicId };
      await client.produce(topic, chunksOf(file).slice(0, 1));
    }
    const watch = await bench.newFolder("watch");
    writeLarge(join(watch, "file.bin"), bench.largeBytes);
    const downloader = await bench.downloader(topic, await bench.newFolder("output"));
    await downloader.waitFor(/first chunk/, incomplete);
    const uploader = await bench.uploader(topic, watch);
    await downloader.waitFor(/file\.bin: merge complete/);
    const peaks = [uploader, downloader].map(({ pid }) => (peakBytes(pid) / 2 ** 20).toFixed(1));
    const handles = readdirSync(`/proc/${downloader.pid}/fd`).length;
    printTable(
      `${incomplete} incomplete files, and ${(bench.largeBytes / 1e9).toFixed(1)} GB passing`,
      ["", "uploader (goal 96)", `downloader (goal ${goalMebibytes})`],
      [
        ["most that was ever resident, MiB", ...peaks],
        ["open handles afterwards", "", String(handles)],
      ],
    );
    await bench.stop(uploader, downloader);
  } finally {
    await client.close();
  }
}
