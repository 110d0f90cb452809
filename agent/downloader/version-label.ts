/** A version in log lines. */
import type { Fields } from "../observe/log.ts";
import type { VersionId } from "../wire/chunk.ts";
import { filedKey, filedUnder } from "../wire/filed-under.ts";
import { pathToDisplay } from "../wire/path.ts";

/** `till-7/receipts/1.txt`, as it is filed, with control characters made visible. */
export function nameOf(file: { uploader: string; path: string }): string {
  return pathToDisplay(filedKey(file));
}

export function fieldsOf({ uploader, path, version }: VersionId): Fields {
  return { uploader: filedUnder(uploader), path, version };
}
