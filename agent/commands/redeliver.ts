/**
 * `redeliver`: says in the ledger that a group is to have again what it has delivered, or takes back that it could not store it. The
 * group's downloaders see that at once, or at their next start, and fetch those files: from the log, or from their uploaders.
 */
import type { Config, DownloaderConfig } from "../config/config.ts";
import { findReceipts, type Receipt } from "../ledger/group/receipts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { timeNow } from "../lib/clock.ts";
import type { VersionId } from "../wire/chunk.ts";
import { type Entry, tombstone } from "../wire/entry.ts";
import { receiptKey } from "../wire/entry-key.ts";
import { filedKey } from "../wire/filed-under.ts";
import { pathToDisplay, pathToGlobName } from "../wire/path.ts";
import { UsageError } from "./arguments.ts";
import { withLedger } from "./ledger-access.ts";
import type { Since } from "./since.ts";

export interface RedeliverOptions {
  /** On `UPLOADER/PATH`; undefined: all. */
  glob: string | undefined;
  /** Only what was sent, or has failed, since: by the brokers' clock. */
  since: Since | undefined;
}

/** Entries that are written side by side. */
const entriesAtATime = 500;

/** Says what will be fetched again. Throws an `AgentError`, or a `UsageError` for an uploader's configuration. */
export async function redeliver(
  config: Config,
  options: RedeliverOptions,
  say: (line: string) => void,
): Promise<void> {
  if (config.role !== "downloader")
    throw new UsageError("redeliver is for downloaders: the configuration's role is uploader", "redeliver");
  await withLedger(config, "nothing was delivered yet", ({ ledger }) =>
    takeBack(config.downloader, ledger, options, say),
  );
}

async function takeBack(
  { group }: DownloaderConfig,
  ledger: Ledger,
  { glob, since }: RedeliverOptions,
  say: (line: string) => void,
): Promise<void> {
  const sinceMs = await beginOf(since, group, ledger);
  const pattern = new Bun.Glob(glob ?? "**");
  const isWanted = ({ id, timeMs }: Receipt) =>
    pattern.match(pathToGlobName(filedKey(id))) && (sinceMs === undefined || timeMs >= sinceMs);
  const found = await findReceipts(ledger, group, isWanted);
  for (let at = 0; at < found.length; at += entriesAtATime) {
    const some = found.slice(at, at + entriesAtATime);
    // First: a mark may say by numbers alone that the group has what has failed.
    await Promise.all(some.map(({ id }) => ledger.write(wishFor(id, group))));
    const failed = some.filter(({ kind }) => kind === "failed");
    await Promise.all(failed.map(({ id }) => ledger.write(tombstone(receiptKey("failed", group, id)))));
    for (const { id } of some) say(`${pathToDisplay(filedKey(id))}: version ${id.version} is fetched again`);
  }
  if (found.length === 0) say(`nothing of group ${group} to fetch again`);
}

function wishFor(id: VersionId, group: string): Entry {
  return { ...receiptKey("again", group, id), format: 1, time: timeNow() };
}

/** In milliseconds since 1970 by the brokers' clock. They tell it with the acknowledgement of a record, as to `doctor`. */
async function beginOf(since: Since | undefined, group: string, ledger: Ledger): Promise<number | undefined> {
  if (since === undefined || "atMs" in since) return since?.atMs;
  // A name that there can be: else whoever reads it warns of a broken entry.
  const nobodys = { kind: "needs", group, uploader: "nobody", path: "-", version: 0 } as const;
  const { timestampMs } = await ledger.write(tombstone(nobodys));
  return timestampMs - since.agoMs;
}
