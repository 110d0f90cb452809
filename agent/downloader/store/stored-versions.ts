/**
 * Which version of each file this store has stored last: with `keep-both` an older one gets a name with its number. It is a list that only
 * grows, as the files do that it is about; what is lost of it is kept under a name that says that nobody knows.
 */
import { join } from "node:path";
import { VersionIndex } from "../../ledger/group/version-index.ts";
import type { Disk } from "../../lib/disk.ts";
import { nameDigest } from "../../lib/name-hash.ts";
import { chunkKey, type FileId, type VersionId } from "../../wire/chunk.ts";
import { parseCount } from "../../wire/numbers.ts";

export class StoredVersions {
  readonly #folder: string;
  readonly #file: string;
  readonly #disk: Disk;
  #newest: VersionIndex | undefined;
  /** Where the list ends, bytes. */
  #end = 0;

  /** @param folder `.streamsend` */
  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#file = join(folder, "versions");
    this.#disk = disk;
  }

  /** Reads the list. Throws what the file system throws. */
  async open(): Promise<void> {
    await this.#index();
  }

  /** The version of the file that was stored last; 0: nobody knows. After `open`. */
  newest(file: FileId): number {
    return this.#newest?.get(nameDigest(chunkKey(file))) ?? 0;
  }

  /** Notes what has its name, for good. */
  async note(ids: readonly VersionId[]): Promise<void> {
    const index = await this.#index();
    const isNew = this.#end === 0;
    const lines = ids.map((id) => `${nameDigest(chunkKey(id))} ${id.version}\n`).join("");
    if (lines.length === 0) return;
    const file = await this.#disk.open(this.#file, true);
    try {
      await file.write(Buffer.from(lines), this.#end);
    } finally {
      await file.close();
    }
    await this.#disk.sync(isNew ? [this.#file, this.#folder] : [this.#file]);
    this.#end += lines.length;
    for (const id of ids) index.set(nameDigest(chunkKey(id)), id.version);
  }

  async #index(): Promise<VersionIndex> {
    if (this.#newest) return this.#newest;
    const index = new VersionIndex();
    const text = (await this.#disk.readText(this.#file)) ?? "";
    // What was being written when a crash came has no end, or is no line.
    this.#end = Buffer.byteLength(text.slice(0, text.lastIndexOf("\n") + 1));
    for (const line of text.split("\n")) {
      const [digest = "", version] = line.split(" ");
      index.set(digest, parseCount(version) ?? 0);
    }
    this.#newest = index;
    return index;
  }
}
