/** The agent against itself: a large file with one setting and with another, in turn. */
import { join } from "node:path";
import { makeCertificates } from "../../../test/support/certificates.ts";
import { startKafka } from "../../../test/support/kafka.ts";
import type { Bench } from "../bench.ts";
import { writeLarge, writeText } from "../files.ts";
import { median } from "../table.ts";
import { type Contestant, costTable, inTurn } from "./contestant.ts";
import { ownVariant } from "./own.ts";
import type { Report } from "./report.ts";
import type { Sizes } from "./sections.ts";

export async function compareChecksums(bench: Bench, sizes: Sizes): Promise<Report> {
  const kafka = await bench.kafka();
  const file = join(await bench.newFolder("file"), "large.bin");
  writeLarge(file, sizes.largeBytes);
  const contestants = ["md5", "sha256"].map((checksum) =>
    ownVariant(bench, kafka, file, checksum, { uploader: { checksum } }),
  );
  return report("Checksums", contestants, sizes);
}

export async function compareCompression(bench: Bench, sizes: Sizes): Promise<Report> {
  const kafka = await bench.kafka();
  const folder = await bench.newFolder("file");
  const contents = { text: writeText, "random bytes, as video is": writeLarge };
  const stored = new Map<string, number[]>();
  const contestants = Object.entries(contents).flatMap(([content, write], at) => {
    const file = join(folder, `${at}.bin`);
    write(file, sizes.largeBytes);
    return ["none", "lz4", "zstd"].map((compression) => {
      const row = `${compression}, ${content}`;
      const runs: number[] = [];
      stored.set(row, runs);
      const given = { uploader: { compression } };
      return ownVariant(bench, kafka, file, row, given, (bytes) => runs.push(bytes));
    });
  });
  // Three times as many as elsewhere.
  const rounds = Math.min(sizes.rounds, 3);
  const { tables } = await report("Compression", contestants, { ...sizes, rounds });
  const ratio = (row = "") => (median(stored.get(row) ?? []) / sizes.largeBytes).toFixed(2);
  return {
    tables: tables.map((table) => ({
      ...table,
      head: [...table.head, "on the broker's disk, of the file"],
      rows: table.rows.map((cells) => [...cells, ratio(cells[0])]),
    })),
  };
}

export async function compareTls(bench: Bench, sizes: Sizes): Promise<Report> {
  const certificates = await makeCertificates(await bench.newFolder("certificates"));
  const kafka = await startKafka({
    listeners: [{ name: "TLS", protocol: "SSL" }],
    logLevel: "warn",
    settings: {
      "log.segment.delete.delay.ms": 0,
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": certificates.broker,
    },
  });
  try {
    const file = join(await bench.newFolder("file"), "large.bin");
    writeLarge(file, sizes.largeBytes);
    const tls = { enabled: true, ca: certificates.ca };
    const secure = { kafka: { brokers: kafka.listener("TLS"), tls } };
    const contestants = [
      ownVariant(bench, kafka, file, "without TLS", {}),
      ownVariant(bench, kafka, file, "with TLS", secure),
    ];
    return await report("TLS", contestants, sizes);
  } finally {
    await kafka.stop();
  }
}

async function report(what: string, contestants: readonly Contestant[], sizes: Sizes): Promise<Report> {
  const title = `${what}: a file of ${sizes.largeBytes / 1e6} MB; medians of ${sizes.rounds} rounds`;
  const results = await inTurn(contestants, sizes.rounds);
  return { tables: [costTable(title, results, { count: sizes.largeBytes, unit: "bytes" })] };
}
