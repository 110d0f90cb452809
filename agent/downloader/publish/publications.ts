/** What verified versions are to be called in the output, as the list of what is about to be published has it. */
import type { DownloaderConfig } from "../../config/config.ts";
import { filedKey } from "../../wire/filed-under.ts";
import { versionedPath } from "../../wire/path.ts";
import type { Output } from "../parts.ts";
import type { Finished } from "../place/changes.ts";
import type { Publication } from "../store/notes.ts";
import { layoutPath } from "./output-path.ts";

interface Options {
  config: Pick<DownloaderConfig, "layout" | "onChange">;
  output: Output;
}

/** Of one path the older ones come first. Throws what the file system throws. */
export async function publicationsOf(
  finished: readonly Finished[],
  { config, output }: Options,
): Promise<Publication[]> {
  const publications: Publication[] = [];
  const newest = new Map<string, number>();
  for (const one of finished.toSorted((a, b) => a.partial.id.version - b.partial.id.version)) {
    const { id } = one.partial;
    const target = layoutPath(config.layout, id);
    if (config.onChange !== "keep-both") {
      publications.push(await publicationOf(one, output, { target, keeps: undefined }));
      continue;
    }
    const before = Math.max(output.store.versions.newest(id), newest.get(filedKey(id)) ?? 0);
    newest.set(filedKey(id), Math.max(before, id.version));
    // Another one of the name has sent what stands there: what is newer keeps its place.
    const isOlder = before > id.version;
    const place = isOlder
      ? { target: versionedPath(target, id.version), keeps: undefined }
      : { target, keeps: before };
    publications.push(await publicationOf(one, output, place));
  }
  return publications;
}

async function publicationOf(
  { partial, checksum }: Finished,
  { disk }: Output,
  place: Pick<Publication, "target" | "keeps">,
): Promise<Publication> {
  const inode = partial.inode ?? (await disk.look(partial.file))?.inode;
  return {
    ...partial.id,
    partition: partial.partition,
    size: partial.size,
    mtime: String(partial.mtime),
    checksum,
    attributes: partial.attributes,
    partial: partial.name,
    ...place,
    inode,
  };
}
