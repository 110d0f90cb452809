/**
 * What the group's marks said when this store last made something durable, as far as it is about that: when the output is rolled back, with
 * this, the ledger says more. A list of lines, the last of each mark counts; it is written anew when most of it does not. A cache: without
 * it nothing of a roll-back is known but what all of the marks say.
 */
import { join } from "node:path";
import { type Disk, replaceFile } from "../../lib/disk.ts";
import { count, fields, list, type Shaped, ShapeError, text } from "../../lib/json-shape.ts";
import type { DoneEntry } from "../../wire/entry.ts";
import { crc32 } from "../../wire/numbers.ts";

const copy = fields({
  uploader: text,
  partition: count,
  to: count,
  at: count,
  but: list(count),
  also: list(count),
  early: list(fields({ path: text, version: count })),
});

export type MarkCopy = Shaped<typeof copy>;

/** The list is written anew when it is larger, and has become twice as long. */
const leastBytes = 1 << 20;

export class MarkCopies {
  readonly #folder: string;
  readonly #file: string;
  readonly #disk: Disk;
  /** Where the list ends, bytes; undefined: nothing was written yet. */
  #end: number | undefined;
  #goodBytes = leastBytes;

  /** @param folder `.streamsend` */
  constructor(folder: string, disk: Disk) {
    this.#folder = folder;
    this.#file = join(folder, "marks");
    this.#disk = disk;
  }

  /** The newest of each mark, by uploader and partition: see `nameOf`. */
  async read(): Promise<Map<string, MarkCopy>> {
    const marks = new Map<string, MarkCopy>();
    for (const line of (await this.#lines()).keys()) {
      const mark = parse(line);
      if (mark) marks.set(nameOf(mark), mark);
    }
    return marks;
  }

  /** For good, as the ledger has them. */
  async write(marks: readonly DoneEntry[]): Promise<void> {
    if (marks.length === 0) return;
    if (this.#end === undefined || this.#end > 2 * this.#goodBytes) await this.#tidy();
    const lines = Buffer.from(marks.map(lineOf).join(""));
    const isNew = this.#end === 0;
    const file = await this.#disk.open(this.#file, true);
    try {
      await file.write(lines, this.#end ?? 0);
    } finally {
      await file.close();
    }
    await this.#disk.sync(isNew ? [this.#file, this.#folder] : [this.#file]);
    this.#end = (this.#end ?? 0) + lines.length;
  }

  /** Leaves the last line of each mark, and nothing that was being written when a crash came. */
  async #tidy(): Promise<void> {
    const newest = new Map<string, string>();
    for (const line of (await this.#lines()).keys()) {
      const mark = parse(line);
      if (mark) newest.set(nameOf(mark), line);
    }
    const content = [...newest.values()].map((line) => `${line}\n`).join("");
    this.#end = Buffer.byteLength(content);
    this.#goodBytes = Math.max(leastBytes, this.#end);
    if (content.length > 0) await replaceFile(this.#disk, this.#file, content, this.#folder);
    else await this.#disk.remove(this.#file);
  }

  /** In order, each once. */
  async #lines(): Promise<Map<string, true>> {
    const lines = new Map<string, true>();
    for (const line of ((await this.#disk.readText(this.#file)) ?? "").split("\n")) {
      lines.delete(line);
      lines.set(line, true);
    }
    return lines;
  }
}

/** No name of an uploader has a blank. */
export function nameOf({ uploader, partition }: Pick<MarkCopy, "partition" | "uploader">): string {
  return `${uploader} ${partition}`;
}

function lineOf({ uploader, partition, to, at, but, also, early }: DoneEntry): string {
  const files = early.map(({ path, version }) => ({ path, version }));
  const content = JSON.stringify({ uploader, partition, to, at, but, also, early: files });
  return `${crc32(Buffer.from(content))} ${content}\n`;
}

/** What `lineOf` wrote; undefined for anything else. */
function parse(line: string): MarkCopy | undefined {
  const content = line.slice(9);
  if (line.slice(0, 8) !== crc32(Buffer.from(content))) return undefined;
  try {
    return copy(JSON.parse(content));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ShapeError) return undefined;
    throw error;
  }
}
