/** What of an uploader's files is delivered and may not be noted: of each path the newest version. */
import { textBytes } from "../../lib/bounded-map.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { attributesBytes } from "../../wire/attributes.ts";
import type { EarlyFile } from "../../wire/entry-value.ts";

/** A version that is delivered, and when its uploader has noted it. */
export interface Early {
  readonly file: EarlyFile;
  /** By the ledger's offset; undefined: it has not. */
  notedAt: number | undefined;
}

/** About what one takes without its texts, bytes. */
const earlyBytes = 300;

export class EarlyFiles {
  #byPath: Map<string, Early> | undefined;
  #bytes = 0;

  get size(): number {
    return this.#byPath?.size ?? 0;
  }

  /** About what they take in memory, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get(path: string): Early | undefined {
    return this.#byPath?.get(path);
  }

  *[Symbol.iterator](): Generator<Early> {
    yield* this.#byPath?.values() ?? [];
  }

  /** A version of the path was noted at this ledger offset: an older one never will be. */
  supersede(path: string, version: number, at: number): void {
    const early = this.get(path);
    if (early && early.file.version < version) early.notedAt ??= at;
  }

  /** In place of what is known of its path. */
  put(early: Early): void {
    this.delete(early.file.path);
    this.#byPath ??= new Map();
    this.#byPath.set(early.file.path, early);
    this.#bytes += bytesOf(early);
  }

  delete(path: string): void {
    const known = this.#byPath?.get(path);
    if (!known) return;
    this.#bytes -= bytesOf(known);
    this.#byPath?.delete(path);
    if (this.#byPath?.size === 0) this.#byPath = undefined;
  }

  /** Forgets half of them, the oldest. Returns whether that is anything. */
  forgetOldest(): boolean {
    const byAge = [...this].sort((a, b) => a.file.version - b.file.version);
    for (const { file } of byAge.slice(0, Math.ceil(byAge.length / 2))) this.delete(file.path);
    return byAge.length > 0;
  }

  pack(to: Packer): void {
    to.list(this, ({ file, notedAt }) => to.text(JSON.stringify(file)).maybe(notedAt, (at) => to.number(at)));
  }

  unpack(from: Unpacker): void {
    const early = (): Early => ({
      file: JSON.parse(from.text()) as EarlyFile,
      notedAt: from.maybe(() => from.number()),
    });
    for (const one of from.list(early)) this.put(one);
  }
}

function bytesOf({ file }: Early): number {
  return earlyBytes + textBytes(file.path) + attributesBytes(file.attributes);
}
