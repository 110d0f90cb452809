/** A version in log lines. */
import type { Fields } from "../observe/log.ts";
import { chunkKey, type VersionId } from "../wire/chunk.ts";
import { pathToDisplay } from "../wire/path.ts";

/** `till-7/receipts/1.txt`, with control characters made visible. */
export function nameOf(file: { uploader: string; path: string }): string {
  return pathToDisplay(chunkKey(file));
}

export function fieldsOf({ uploader, path, version }: VersionId): Fields {
  return { uploader, path, version };
}
