/**
 * What an uploader costs its link: a device that is started once a day and sends a small file now and then. Bytes both ways, with what
 * TCP and IP add, on a ledger of the usual number of partitions in which there is nothing but its own (a big one: ledger.ts).
 */
import { join } from "node:path";
import { startKafka } from "../../test/support/kafka.ts";
import type { Bench } from "./bench.ts";
import { CountingLink } from "./counting-link.ts";
import { printTable } from "./table.ts";

const fileBytes = 4096;
const files = 5;
/** By then a file comes to an idle uploader again. */
const apartMs = 15_000;
/** With a look at the topics, and what each client asks for by itself. */
const idleMs = 300_000;
/** A keep-alive packet and its answer, for the connection to write by, which the relay here does not see. */
const keepAliveBytesAMinute = 2 * 52;
const month = { minutes: 30 * 24 * 60, starts: 30, files: 30 * 100 };

export async function measureNetwork(bench: Bench): Promise<void> {
  const link = await CountingLink.open();
  const kafka = await startKafka({
    logLevel: "warn",
    listeners: [{ name: "COUNTED", protocol: "PLAINTEXT", advertisedPort: link.port }],
  });
  link.target.port = Number(kafka.listener("COUNTED").split(":")[1]);
  const topic = bench.newTopic();
  const watch = await bench.newFolder("device");
  const settings = (brokers: string) => ({ kafka: { brokers, topic, ledger_partitions: 64 } });
  const startUploader = () =>
    bench.uploader(topic, watch, { name: "device", ...settings(`127.0.0.1:${link.port}`) });
  const carriedBy = async (work: () => Promise<unknown>) => {
    const before = link.carried;
    await work();
    return link.carried - before;
  };
  try {
    const downloader = await bench.downloader(topic, await bench.newFolder("hub"), settings(kafka.bootstrap));
    const first = await startUploader();
    const send = async (agent: typeof first, name: string) => {
      await Bun.write(join(watch, name), "x".repeat(fileBytes));
      await agent.waitFor(new RegExp(`^${name}: successfully processed`));
      await downloader.waitFor(
        new RegExp(`^device/${name} .*: merge complete|^device/${name}: merge complete`),
      );
    };
    await send(first, "first.bin");
    await bench.stop(first);
    let uploader = first;
    const start = await carriedBy(async () => {
      uploader = await startUploader();
      await send(uploader, "second.bin");
      await Bun.sleep(apartMs);
    });
    const idle = await carriedBy(() => Bun.sleep(idleMs));
    const perMinute = idle / (idleMs / 60_000) + keepAliveBytesAMinute;
    const sending = await carriedBy(async () => {
      for (let at = 0; at < files; at++) {
        await send(uploader, `${at}.bin`);
        await Bun.sleep(apartMs);
      }
    });
    const perFile = (sending - perMinute * ((files * apartMs) / 60_000)) / files;
    const row = (what: string, bytes: number, times: number) => [
      what,
      (bytes / 1024).toFixed(1),
      ((bytes * times) / 1e6).toFixed(1),
    ];
    const total = start * month.starts + perMinute * month.minutes + perFile * month.files;
    printTable(
      "Network of an uploader, bytes both ways, with what TCP and IP add",
      ["", "KiB", "MB a month"],
      [
        row("a start, with its first file (one a day)", start, month.starts),
        row("a minute, idle", perMinute, month.minutes),
        row(`a file of ${fileBytes} bytes, with its content (100 a day)`, perFile, month.files),
        ["all of it", "", (total / 1e6).toFixed(1)],
      ],
    );
  } finally {
    await bench.stopAll();
    await kafka.stop();
    link.close();
  }
}
