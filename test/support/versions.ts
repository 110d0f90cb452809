/** Which versions of a file there were, by the records of the chunks' topic and of the ledger. */
import { headerOf, type ReadRecord } from "./records.ts";

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
  const values = ledger
    .filter(({ key }) => key === `file/${uploader}/${path}`)
    .flatMap(({ value }) => value ?? []);
  const entries = values.map(
    (value) => JSON.parse(value.toString("utf8")) as { version: number; state: string },
  );
  return new Set(entries.filter(({ state }) => state === "sent").map(({ version }) => version));
}

export function chunksOfPath(chunks: readonly ReadRecord[], path: string): ReadRecord[] {
  return chunks.filter((record) => headerOf(record, "path") === path);
}
