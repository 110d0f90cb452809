/**
 * The small files of a store, as JSON: their shapes, and how they are read and replaced. One that cannot be read counts as
 * missing: what it stood for is fetched again.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Disk, replaceFile } from "../../lib/disk.ts";
import {
  count,
  fields,
  list,
  oneOf,
  pair,
  type Shape,
  type Shaped,
  ShapeError,
  text,
  textLike,
} from "../../lib/json-shape.ts";
import { attributesShape } from "../../wire/attributes.ts";
import { algorithms } from "../../wire/checksum.ts";
import type { PartialNote } from "./partial.ts";

const earlierId = { uploader: text, path: text, version: count };
/** With the partition of the topic where its chunks came. */
const versionId = { ...earlierId, partition: count };
const unfinished = {
  size: count,
  mtime: textLike(/^-?\d+$/),
  algorithm: oneOf(...algorithms),
  coverage: list(pair(count)),
};
const beginAndEnd = {
  from: fields({ topic: text, offsets: list(fields({ partition: count, offset: count })) }),
  checksum: text,
};
const note: Shape<PartialNote> = fields(
  { ...versionId, ...unfinished },
  { ...beginAndEnd, attributes: attributesShape },
);
const earlierNote = fields({ ...earlierId, ...unfinished }, beginAndEnd);
const publication = fields(
  {
    ...versionId,
    size: count,
    checksum: text,
    /** The name under partial/, and the place relative to the output, as text. */
    partial: textLike(/^[0-9a-f-]+$/),
    target: text,
  },
  {
    /** The version that has the place now and is to be kept under another name; 0: nobody knows which that is. */
    keeps: count,
    /** Of the source, for its receipt; nanoseconds since 1970. */
    mtime: textLike(/^-?\d+$/),
    attributes: attributesShape,
    /** Of the partial: what has its name, and this, is the version itself. */
    inode: count,
    /** It has its name, and only its receipt is owed. */
    named: oneOf(1),
  },
);
const parkedRange = fields({ topic: text, partition: count, from: count, to: count, what: text });

/** A verified version on its way to its name. */
export type Publication = Shaped<typeof publication>;
/** Where in a partition there are records that only a newer agent understands: offsets `[from, to)`. */
export type ParkedRange = Shaped<typeof parkedRange>;

const publishingFile = "publishing.json";
const parkedFile = "parked.json";

export class Notes {
  readonly #folder: string;
  readonly #disk: Disk;

  /** @param folder `.streamsend` */
  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#disk = disk;
  }

  /** The store's name, made up if it has none. */
  async storeName(): Promise<string> {
    const file = join(this.#folder, "store");
    const known = (await this.#disk.readText(file))?.trim();
    if (known) return known;
    const name = randomUUID();
    await replaceFile(this.#disk, file, name, this.#folder);
    return name;
  }

  /** A note on a partial, by its own name. */
  partial(name: string): Promise<PartialNote | undefined> {
    return this.#read(join("partial", name), note);
  }

  /** The same, as the version before wrote it: without the partition, which is the one where its chunks begin. */
  async earlierPartial(name: string): Promise<PartialNote | undefined> {
    const known = await this.#read(join("partial", name), earlierNote);
    const partition = known?.from?.offsets[0]?.partition;
    return known && partition !== undefined ? { ...known, partition } : undefined;
  }

  async publishing(): Promise<Publication[]> {
    return (await this.#read(publishingFile, list(publication))) ?? [];
  }

  /** @param beside changes something else in the folder, which is made durable with it */
  writePublishing(publications: readonly Publication[], beside: () => Promise<void>): Promise<void> {
    return this.#replace(publishingFile, publications, beside);
  }

  async parked(): Promise<ParkedRange[]> {
    return (await this.#read(parkedFile, list(parkedRange))) ?? [];
  }

  writeParked(ranges: readonly ParkedRange[]): Promise<void> {
    return this.#replace(parkedFile, ranges);
  }

  async #read<T>(name: string, shape: Shape<T>): Promise<T | undefined> {
    const content = await this.#disk.readText(join(this.#folder, name));
    if (content === undefined) return undefined;
    try {
      return shape(JSON.parse(content));
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof ShapeError) return undefined;
      throw error;
    }
  }

  async #replace(name: string, content: readonly unknown[], beside?: () => Promise<void>): Promise<void> {
    const file = join(this.#folder, name);
    if (content.length > 0)
      return replaceFile(this.#disk, file, JSON.stringify(content), this.#folder, beside);
    await this.#disk.remove(file);
    // What was done must not come back in a power cut: the same version may be under way again, and not be whole yet.
    await this.#disk.sync([this.#folder]);
  }
}
