/** `run --dry-run`: connects and looks, claims and makes nothing, and says what a run would do. */
import type { Config } from "../config/config.ts";
import { connectAdmin } from "../kafka/admin.ts";
import { disconnect } from "../kafka/connection/client.ts";
import { groupLag } from "../kafka/topics/group-lag.ts";
import { describeTopic } from "../kafka/topics/topics.ts";
import { requireLayout } from "../ledger/layout.ts";
import { readOnlyLedger } from "../ledger/read-only-ledger.ts";
import { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import type { Log } from "../observe/log.ts";
import { previewUpload } from "../uploader/discover/preview.ts";

/** Throws an `AgentError` when the brokers can't be reached or refuse, or the ledger has other partitions than it was begun with. */
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
  const client = await connectAdmin({ kafka, agentName, log });
  try {
    const topic = await describeTopic(client, kafka.ledger);
    const ledger = topic && readOnlyLedger(config, client, topic, log, signal);
    if (ledger) await requireLayout(ledger);
    const entries = ledger && (await UploaderLedger.open(config.name, ledger, undefined, log));
    await previewUpload(config.uploader, entries, log);
    await entries?.close();
  } finally {
    await disconnect(client);
  }
}
