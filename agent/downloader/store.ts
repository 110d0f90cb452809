/**
 * OUTPUT/.streamsend: what is unfinished. A cache that may be deleted: partials, each with a note on what of it is
 * on disk for good; the list of what is being published; what was parked; and a name, so that a group's position
 * tells which store it was committed from.
 *
 *     .streamsend/store                    this store's name
 *     .streamsend/partial/VERSION-HASH     the file itself, growing
 *     .streamsend/partial/VERSION-HASH.json
 *     .streamsend/publishing.json          verified, durable, about to be renamed, or renamed and not yet committed
 *     .streamsend/parked.json              records of a newer format, to be read again
 *     .streamsend/quarantine/              failed verification
 */
import { randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { DurableFiles } from "../lib/durable-files.ts";
import { AgentError, codeOf } from "../lib/errors.ts";
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
} from "../lib/shape.ts";
import { chunkKey, type VersionId } from "../wire/chunk.ts";
import type { OpenFiles } from "./open-files.ts";
import { Partial, type PartialNote } from "./partial.ts";

const versionId = { uploader: text, path: text, version: count };
const note: Shape<PartialNote> = fields(
  {
    ...versionId,
    size: count,
    mtime: textLike(/^-?\d+$/),
    algorithm: oneOf("md5", "sha256"),
    coverage: list(pair(count)),
  },
  {
    from: fields({ topic: text, offsets: list(fields({ partition: count, offset: count })) }),
    checksum: text,
  },
);
const publication = fields({
  ...versionId,
  size: count,
  checksum: text,
  /** The name under partial/, and the place relative to the output, as text. */
  partial: textLike(/^[0-9a-f-]+$/),
  target: text,
});
const parkedRecord = fields({ topic: text, partition: count, offset: count, what: text });

/** A verified version on its way to its name. */
export type Publication = Shaped<typeof publication>;
/** A record that only a newer agent understands. */
export type ParkedRecord = Shaped<typeof parkedRecord>;

export class Store {
  readonly output: string;
  readonly folder: string;
  readonly #durable: DurableFiles;
  readonly #files: OpenFiles;
  #name = "";

  constructor(output: string, durable: DurableFiles, files: OpenFiles) {
    this.output = output;
    this.folder = join(output, ".streamsend");
    this.#durable = durable;
    this.#files = files;
  }

  /** Tells this store from every other one. */
  get name(): string {
    return this.#name;
  }

  /** Makes the folders where they are missing; never the output itself. Throws an `AgentError` that says what is wrong. */
  async open(): Promise<void> {
    try {
      if (!(await stat(this.output)).isDirectory()) {
        throw new AgentError(`output ${this.output} is no directory`, "retryable");
      }
      for (const folder of [this.folder, this.#partials, this.#quarantine]) await makeFolder(folder);
      this.#name = await this.#readName();
    } catch (error) {
      if (error instanceof AgentError) throw error;
      const reason =
        codeOf(error) === "ENOENT" ? "is not there: make it, it is never made here" : String(error);
      throw new AgentError(`output ${this.output} ${reason}`, "retryable", error);
    }
  }

  /** Bytes that are free for the agent on the output's file system. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.output);
    return bavail * bsize;
  }

  /** A partial for a version that begins. */
  partial(note: PartialNote): Partial {
    return new Partial(note, join(this.#partials, partialName(note)), this.#files);
  }

  /** The partials that have a note. Bytes without one were never durable, they are removed. */
  async partials(): Promise<Partial[]> {
    const names = new Set(await readdir(this.#partials));
    const found: Partial[] = [];
    for (const name of names) {
      if (name.endsWith(".json")) continue;
      const note = names.has(`${name}.json`) ? await this.#readNote(name) : undefined;
      if (note) found.push(this.partial(note));
      else await rm(join(this.#partials, name), { force: true });
    }
    for (const name of names) {
      if (name.endsWith(".json") && !names.has(name.slice(0, -".json".length))) {
        await rm(join(this.#partials, name), { force: true });
      }
    }
    return found;
  }

  /** Notes what of these partials is there. Their bytes must be on disk already. */
  async writeNotes(notes: readonly PartialNote[]): Promise<void> {
    if (notes.length === 0) return;
    const files = notes.map((note) => join(this.#partials, `${partialName(note)}.json`));
    for (const [at, note] of notes.entries()) await Bun.write(`${files[at]}.new`, JSON.stringify(note));
    await this.#durable.sync(files.map((file) => `${file}.new`));
    for (const file of files) await rename(`${file}.new`, file);
    await this.#durable.sync([this.#partials]);
  }

  async removeNote(id: VersionId): Promise<void> {
    await rm(join(this.#partials, `${partialName(id)}.json`), { force: true });
  }

  partialPath(publication: Publication): string {
    return join(this.#partials, publication.partial);
  }

  async publishing(): Promise<Publication[]> {
    return (await this.#read("publishing.json", list(publication))) ?? [];
  }

  writePublishing(publications: readonly Publication[]): Promise<void> {
    return this.#replace("publishing.json", publications);
  }

  async parked(): Promise<ParkedRecord[]> {
    return (await this.#read("parked.json", list(parkedRecord))) ?? [];
  }

  writeParked(records: readonly ParkedRecord[]): Promise<void> {
    return this.#replace("parked.json", records);
  }

  /** Takes a partial that failed verification out of the way. */
  async quarantine(partial: Partial): Promise<string> {
    const place = join(this.#quarantine, partialName(partial.id));
    await this.#files.close(partial.file);
    await rename(partial.file, place);
    await this.removeNote(partial.id);
    return place;
  }

  get #partials(): string {
    return join(this.folder, "partial");
  }

  get #quarantine(): string {
    return join(this.folder, "quarantine");
  }

  async #readName(): Promise<string> {
    const file = join(this.folder, "store");
    try {
      const name = (await readFile(file, "utf8")).trim();
      if (name !== "") return name;
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
    const name = randomUUID();
    await this.#durable.replace(file, name, this.folder);
    return name;
  }

  #readNote(name: string): Promise<PartialNote | undefined> {
    return this.#read(join("partial", `${name}.json`), note);
  }

  async #read<T>(name: string, shape: Shape<T>): Promise<T | undefined> {
    try {
      return shape(JSON.parse(await readFile(join(this.folder, name), "utf8")));
    } catch (error) {
      // Not there, or not ours: what it stood for is fetched again.
      const isNotOurs = error instanceof SyntaxError || error instanceof ShapeError;
      if (isNotOurs || codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #replace(name: string, content: readonly unknown[]): Promise<void> {
    const file = join(this.folder, name);
    if (content.length > 0) return this.#durable.replace(file, JSON.stringify(content), this.folder);
    await rm(file, { force: true });
  }
}

/** The name of a version's partial: sorts by age, and is safe whatever the path is. */
export function partialName(id: VersionId): string {
  return `${id.version}-${Bun.hash.xxHash64(chunkKey(id)).toString(16).padStart(16, "0")}`;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    if (!(await lstat(folder)).isDirectory()) throw new AgentError(`${folder} is no directory`, "retryable");
  }
}
