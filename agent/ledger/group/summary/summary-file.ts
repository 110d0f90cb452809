/** The file that the summary is in: replaced whole, or left as it is. */
import { join } from "node:path";
import { type Disk, putInPlace } from "../../../lib/disk.ts";

/** No state is as large: what is, is none. */
const mostBytes = 128 << 20;

export class SummaryFile {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #path: string;

  /** @param folder `.streamsend` of the output */
  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#path = join(folder, "ledger");
  }

  /** All of it, `undefined` when there is none. Throws what the file system throws. */
  async read(): Promise<Buffer | undefined> {
    const found = await this.#disk.look(this.#path);
    if (found?.kind !== "file" || found.size > mostBytes) return undefined;
    const file = await this.#disk.open(this.#path, false);
    try {
      const bytes = Buffer.allocUnsafe(found.size);
      let end = 0;
      for (let count = -1; count !== 0 && end < bytes.length; end += count)
        count = await file.read(bytes.subarray(end), bytes.length - end, end);
      return bytes.subarray(0, end);
    } finally {
      await file.close();
    }
  }

  /** In place of what was there, for good. Only whoever has the output's lock may. Throws what the file system throws. */
  async write(pieces: readonly Buffer[]): Promise<void> {
    const temporary = `${this.#path}.new`;
    try {
      // What a crash has left may be longer.
      await this.#disk.remove(temporary);
      await this.#fill(temporary, pieces);
      await putInPlace(this.#disk, temporary, this.#path, this.#folder);
    } catch (error) {
      // A full disk needs the room.
      await this.#disk.remove(temporary).catch(() => undefined);
      throw error;
    }
  }

  async #fill(path: string, pieces: readonly Buffer[]): Promise<void> {
    const file = await this.#disk.open(path, true);
    try {
      let end = 0;
      for (const piece of pieces) {
        await file.write(piece, end);
        end += piece.length;
      }
    } finally {
      await file.close();
    }
  }
}
