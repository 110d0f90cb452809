/** `run --dry-run`: connects and looks, claims and makes nothing, and says what a run would do. */
import type { Config } from "../config/config.ts";
import { RecordProducer } from "../kafka/producer.ts";
import { groupLag } from "../kafka/topics/group-lag.ts";
import { describeTopic } from "../kafka/topics/topics.ts";
import { Ledger } from "../ledger/ledger.ts";
import { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { Effects } from "../lib/effects.ts";
import type { Log } from "../observe/log.ts";
import { previewUpload } from "../uploader/discover/preview.ts";

/** Throws a `KafkaError` when the brokers can't be reached or refuse. */
export async function dryRun(config: Config, log: Log, signal: AbortSignal): Promise<void> {
  const { kafka, name: agentName } = config;
  if (config.role === "downloader") {
    const { group, start } = config.downloader;
    for (const { partition, committed, low, high } of await groupLag({ kafka, agentName, log }, group)) {
      const from = Math.max(low, committed ?? (start === "latest" ? high : low));
      log.info(`partition ${partition}: would read ${high - from} records, from offset ${from}`);
    }
    return;
  }
  const producer = await RecordProducer.open({
    kafka,
    agentName,
    queueBytes: config.uploader.inFlightBytes,
    compression: config.uploader.compression,
    effects: new Effects(),
    log,
    signal,
  });
  try {
    const topic = await describeTopic(await producer.client(), kafka.ledger);
    const ledger = topic && new Ledger({ kafka, agentName, producer, topic: { value: topic }, log, signal });
    const entries = ledger && (await UploaderLedger.open(config.name, ledger, undefined, log));
    await previewUpload(config.uploader, entries, log);
    await entries?.close();
  } finally {
    await producer.close(0);
  }
}
