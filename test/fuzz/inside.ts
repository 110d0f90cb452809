/** Where a path would be stored: the question that must never have a bad answer. */
import { posix } from "node:path";
import { layoutPath } from "../../agent/downloader/publish/output-path.ts";
import { pathToBytes } from "../../agent/wire/path.ts";

const output = "/srv/inbox";

/** Throws unless the file's place, by both layouts and as the file system resolves it, is below the output and not in its store. */
export function assertInside(id: { uploader: string; path: string }): void {
  for (const layout of ["{path}", "{uploader}/{path}"] as const) {
    const text = layoutPath(layout, id);
    const bytes = pathToBytes(text).toString("latin1");
    const place = posix.normalize(`${output}/${bytes}`);
    const relative = place.slice(output.length + 1);
    const isInside = place.startsWith(`${output}/`) && relative === bytes && !bytes.includes("\0");
    if (!isInside || relative.split("/").some((segment) => segment.toLowerCase() === ".streamsend")) {
      throw new Error(`${JSON.stringify(text)} would be stored at ${JSON.stringify(place)}`);
    }
  }
}
