/**
 * How often this store has published, as the name of a folder (`published-17`). When the output is rolled back to a snapshot, the
 * number goes back with it; the receipts in the ledger, which carry it, do not. It is kept in a name because renaming a folder
 * costs no sync of its own beside the list of what is published.
 */
import { join } from "node:path";
import type { Disk } from "../../lib/disk.ts";

const prefix = "published-";

export class PublicationNumber {
  readonly #folder: string;
  readonly #disk: Disk;
  #value = 0;

  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** 0: nothing was published yet. */
  get value(): number {
    return this.#value;
  }

  async read(): Promise<void> {
    this.#value = 0;
    for (const name of await this.#disk.list(this.#folder)) {
      const number = /^published-(\d{1,15})$/.exec(name)?.[1];
      this.#value = Math.max(this.#value, Number(number ?? 0));
    }
  }

  /** Durable once the folder is synced; nothing may be written with it before. */
  async raise(value: number): Promise<void> {
    const [from, to] = [this.#path(this.#value), this.#path(value)];
    if (this.#value > 0) await this.#disk.rename(from, to);
    else await this.#disk.makeFolder(to, 0o700);
    this.#value = value;
  }

  #path(value: number): string {
    return join(this.#folder, prefix + value);
  }
}
