/** Which versions of a file there were, by the records of the chunks' topic and of the ledger. */
import { headerOf, type ReadRecord } from "./records.ts";

interface Batch {
  files: { path: string; version: number; state: string }[];
}

/** Those of which the topic has a chunk. */
export function versionsSent(chunks: readonly ReadRecord[], path: string): Set<string | undefined> {
  return new Set(chunksOfPath(chunks, path).map((record) => headerOf(record, "version")));
}

/** Those that the ledger had as sent, at one time or another. */
export function versionsNotedAsSent(
  ledger: readonly ReadRecord[],
  uploader: string,
  path: string,
): Set<number> {
  const batches = ledger
    .filter(({ key }) => key.startsWith(`files/${uploader}/`))
    .flatMap(({ value }) => value ?? [])
    .map((value) => JSON.parse(value.toString("utf8")) as Batch);
  const files = batches.flatMap((batch) => batch.files);
  const sent = files.filter((file) => file.path === path && file.state === "sent");
  return new Set(sent.map(({ version }) => version));
}

export function chunksOfPath(chunks: readonly ReadRecord[], path: string): ReadRecord[] {
  return chunks.filter((record) => headerOf(record, "path") === path);
}
