/** What failed verification is kept for people to inspect: the newest, bounded in bytes and files. */
import { join } from "node:path";
import type { Disk, Found } from "../../lib/disk.ts";

const maxBytes = 1 << 30;
const maxFiles = 16;

export class Quarantine {
  readonly folder: string;
  readonly #disk: Disk;

  constructor(folder: string, disk: Disk) {
    this.folder = folder;
    this.#disk = disk;
  }

  /** Moves a file there. Returns where it is kept, if it is. Throws what the file system throws. */
  async add(file: string, name: string): Promise<string | undefined> {
    const place = join(this.folder, name);
    await this.#disk.rename(file, place);
    await this.#bound();
    return (await this.#disk.look(place)) && place;
  }

  async #bound(): Promise<void> {
    const kept: { file: string; found: Found }[] = [];
    for (const name of await this.#disk.list(this.folder)) {
      const file = join(this.folder, name);
      const found = await this.#disk.look(file);
      if (found) kept.push({ file, found });
    }
    kept.sort((a, b) => b.found.changedMs - a.found.changedMs);
    let bytes = 0;
    for (const [at, { file, found }] of kept.entries()) {
      bytes += found.size;
      if (bytes > maxBytes || at >= maxFiles) await this.#disk.remove(file);
    }
  }
}
