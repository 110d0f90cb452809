/**
 * Which version of each file this store has stored last: with `keep-both` an older one gets a name with its number, and one that comes in
 * is stored unless it, or a newer one, is here. It is a list that only grows, as the files do that it is about. Where it begins, in a new
 * `.streamsend` say, it has up to which version the group had settled each uploader's files by then: what stands here of those
 * nobody knows, but they are not to come once more, let alone over newer ones. What is lost of the list is kept under a name that says
 * that nobody knows.
 */
import { join } from "node:path";
import { type Disk, replaceFile } from "../../lib/disk.ts";
import { nameDigest } from "../../lib/name-hash.ts";
import { VersionIndex } from "../../lib/version-index.ts";
import type { FileId, VersionId } from "../../wire/chunk.ts";
import { filedKey } from "../../wire/filed-under.ts";
import { parseCount } from "../../wire/numbers.ts";

export class StoredVersions {
  readonly #folder: string;
  readonly #file: string;
  readonly #disk: Disk;
  #newest = new VersionIndex();
  /** Where the list ends, bytes. */
  #end = 0;

  /** @param folder `.streamsend` */
  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#file = join(folder, "versions");
    this.#disk = disk;
  }

  /** Reads the list, or begins it. Throws what the file system throws. @param settled by uploader, the highest that is settled */
  async open(settled: Iterable<[uploader: string, version: number]>): Promise<void> {
    let text = await this.#disk.readText(this.#file);
    if (text === undefined) {
      text = [...settled].map(([uploader, version]) => lineOf(uploader, version)).join("");
      if (text.length > 0) await replaceFile(this.#disk, this.#file, text, this.#folder);
    }
    // What was being written when a crash came has no end, or is no line.
    this.#end = Buffer.byteLength(text.slice(0, text.lastIndexOf("\n") + 1));
    this.#newest = new VersionIndex();
    for (const line of text.split("\n")) {
      const [digest = "", version] = line.split(" ");
      this.#newest.set(digest, parseCount(version) ?? 0);
    }
  }

  /** What it says is not kept up any more: there is to be none. Throws what the file system throws. */
  async remove(): Promise<void> {
    if (!(await this.#disk.look(this.#file))) return;
    await this.#disk.remove(this.#file);
    await this.#disk.sync([this.#folder]);
  }

  /** The version of the file that was stored last; 0: nobody knows. After `open`. */
  newest(file: FileId): number {
    return this.#newest.get(nameDigest(filedKey(file))) ?? 0;
  }

  /** Whether the version, or a newer one of its file, is stored here, or may be: it is older than what the list has. After `open`. */
  mayHave(id: VersionId): boolean {
    if (id.version <= Math.max(this.newest(id), this.#newest.floor)) return true;
    return id.version <= (this.#newest.get(nameDigest(id.uploader)) ?? 0);
  }

  /** Notes what has its name, for good. After `open`. Throws what the file system throws. */
  async note(ids: readonly VersionId[]): Promise<void> {
    const isNew = this.#end === 0;
    const lines = ids.map((id) => lineOf(filedKey(id), id.version)).join("");
    if (lines.length === 0) return;
    const file = await this.#disk.open(this.#file, true);
    try {
      await file.write(Buffer.from(lines), this.#end);
    } finally {
      await file.close();
    }
    await this.#disk.sync(isNew ? [this.#file, this.#folder] : [this.#file]);
    this.#end += lines.length;
    for (const id of ids) this.#newest.set(nameDigest(filedKey(id)), id.version);
  }
}

/** @param key of a file, or an uploader, which has no slash */
function lineOf(key: string, version: number): string {
  return `${nameDigest(key)} ${version}\n`;
}
