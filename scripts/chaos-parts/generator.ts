/**
 * Writes, changes, renames and removes files all the while, as the seed says, and tells the record of the truth before an agent can see
 * it. Files come by a rename from outside the watch, or change by single system calls, so at every moment each path has a content that is
 * on record.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "../../test/support/random.ts";
import type { Contents } from "./contents.ts";
import { type Draw, drawStep, type Operation } from "./generator-draw.ts";
import type { Journal } from "./journal.ts";
import type { Content, Truth } from "./truth.ts";

export interface Source {
  uploader: string;
  folder: string;
}

export interface GeneratorOptions {
  random: Random;
  truth: Truth;
  contents: Contents;
  journal: Journal;
  sources: readonly Source[];
  /** On the sources' file system, outside of them. */
  staging: string;
  /** Whether it begins with the largest file. */
  largestFirst: boolean;
  /** How long writers that keep a file open pause, milliseconds; undefined: there are none. */
  openWriterMs: number | undefined;
  /** An agent took a file away from somebody who was writing to it. */
  takenFromWriter(key: string): void;
  /** Does what takes a name away, so that it is known who did it. */
  removing(path: string, act: () => void): void;
}

const changeableBytes = 8 << 20;
/** No large file is written while this much has not arrived everywhere: it bounds what disks and broker hold. */
const maxPendingBytes = 400_000_000;
const smallBytes = 100_000;
const maxStandingBytes = 500_000_000;
const maxStanding = 1000;
const maxSideBySide = 3;
interface Standing {
  source: Source;
  key: string;
  path: string;
  /** Left alone until every group has it: what must arrive. The others may be changed at any moment. */
  kept: boolean;
  busy: boolean;
}

export class Generator {
  readonly #options: GeneratorOptions;
  readonly #standing = new Map<string, Standing>();
  readonly #running = new Set<Promise<void>>();
  #steps = 0;
  #failure: unknown;

  constructor(options: GeneratorOptions) {
    this.#options = options;
  }

  /** Goes on until the signal fires, and ends what it has begun. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const draw = drawStep(this.#options.random, this.#steps++ === 0 && this.#options.largestFirst);
      await Bun.sleep(draw.pauseMs);
      while (!signal.aborted && this.#running.size >= maxSideBySide) await Bun.sleep(50);
      // Small ones go on: a large file that is hit again and again must not end the traffic around it.
      if (this.#pendingBytes() > maxPendingBytes) draw.bytes %= smallBytes;
      this.#makeRoom();
      if (this.#failure !== undefined) throw this.#failure;
      const step = this.#step(draw)
        .catch((error: unknown) => {
          // With `after: delete` the agent may have been faster.
          if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#failure ??= error;
        })
        .finally(() => this.#running.delete(step));
      this.#running.add(step);
    }
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The agent has taken a file away. */
  taken(key: string): void {
    this.#standing.delete(key);
  }

  async #step(draw: Draw): Promise<void> {
    const { sources } = this.#options;
    const source = sources[draw.source % sources.length] as Source;
    const free = [...this.#standing.values()].filter(
      (file) => this.#isFree(file) && fits(file, draw.operation),
    );
    const target = free[draw.target % Math.max(1, free.length)];
    if (draw.operation === "create" || !target) {
      const name = draw.name.replace("%", String(this.#steps));
      return this.#write(source, join(draw.folder, name), draw);
    }
    target.busy = true;
    try {
      if (draw.operation === "replace")
        await this.#write(target.source, target.key.slice(target.source.uploader.length + 1), draw);
      else if (draw.operation === "hold" && this.#options.openWriterMs !== undefined)
        await this.#hold(target, draw);
      else if (draw.operation === "grow" || draw.operation === "hold") await this.#grow(target, draw);
      else if (draw.operation === "rename") this.#rename(target, draw);
      else if (draw.operation === "remove") this.#remove(target);
      else this.#change(target, draw);
    } finally {
      target.busy = false;
    }
  }

  async #write(source: Source, name: string, draw: Draw): Promise<void> {
    const { contents, staging, truth, journal } = this.#options;
    const [key, path] = [`${source.uploader}/${name}`, join(source.folder, name)];
    const staged = join(staging, crypto.randomUUID());
    const md5 = await contents.write(staged, draw.bytes);
    const { mtimeNs } = statSync(staged, { bigint: true });
    mkdirSync(dirname(path), { recursive: true });
    truth.wrote(key, { md5, size: draw.bytes, mtimeNs }, Date.now());
    journal.ofFile(key, `generator: ${draw.operation}, ${draw.bytes} bytes, md5 ${md5}`);
    this.#standing.set(key, { source, key, path, kept: draw.kept, busy: false });
    renameSync(staged, path);
  }

  /** What is done in one system call. */
  #change(file: Standing, draw: Draw): void {
    const { contents, truth, journal } = this.#options;
    const { key, path } = file;
    const { size } = statSync(path);
    const bytes = 1 + (draw.bytes % 100_000);
    const at = size === 0 ? 0 : draw.target % size;
    if (draw.operation === "overwrite") contents.overwrite(path, at, Math.min(bytes, Math.max(1, size - at)));
    else if (draw.operation === "append") contents.overwrite(path, size, bytes);
    else if (draw.operation === "truncate") truncateSync(path, at);
    else if (draw.operation === "touch") utimesSync(path, Date.now() / 1000, Date.now() / 1000);
    const content = contentOf(path);
    truth.wrote(key, content, Date.now());
    file.kept = draw.kept;
    journal.ofFile(key, `generator: ${draw.operation}, now ${content.size} bytes, md5 ${content.md5}`);
  }

  /** Appends several times, never as long as an uploader would wait, so that it is read while it grows. */
  async #grow(file: Standing, draw: Draw): Promise<void> {
    for (let part = 0; part < draw.parts; part++) {
      this.#change(file, { ...draw, operation: "append" });
      await Bun.sleep(draw.pauseMs / 2);
    }
  }

  /** Appends through one descriptor, with pauses that are longer than an uploader waits for a file to settle. */
  async #hold(file: Standing, draw: Draw): Promise<void> {
    const { contents, truth, journal, takenFromWriter, openWriterMs = 0 } = this.#options;
    const { key, path } = file;
    const descriptor = openSync(path, "a");
    const { ino } = fstatSync(descriptor);
    try {
      for (let part = 0; part < 2; part++) {
        await Bun.sleep(openWriterMs + draw.pauseMs);
        if (statSync(path, { throwIfNoEntry: false })?.ino !== ino) return takenFromWriter(key);
        contents.overwrite(
          `/proc/self/fd/${descriptor}`,
          fstatSync(descriptor).size,
          1 + (draw.bytes % 50_000),
        );
        const content = contentOf(path);
        truth.wrote(key, content, Date.now());
        journal.ofFile(
          key,
          `generator: a writer that has it open adds to it, now ${content.size} bytes, md5 ${content.md5}`,
        );
      }
      file.kept = draw.kept;
    } finally {
      closeSync(descriptor);
    }
  }

  #rename(file: Standing, draw: Draw): void {
    const { truth, journal, removing } = this.#options;
    const name = join(draw.folder, `renamed-${draw.name.replace("%", String(this.#steps))}`);
    const [key, path] = [`${file.source.uploader}/${name}`, join(file.source.folder, name)];
    const state = truth.current(file.key);
    if (!state) return;
    mkdirSync(dirname(path), { recursive: true });
    removing(file.path, () => renameSync(file.path, path));
    const nowMs = Date.now();
    truth.wrote(key, state, nowMs);
    truth.ended(file.key, "removed", nowMs);
    journal.ofFile(file.key, `generator: rename to ${name}`);
    journal.ofFile(key, `generator: renamed from ${file.key}, ${state.size} bytes, md5 ${state.md5}`);
    this.#standing.delete(file.key);
    this.#standing.set(key, { source: file.source, key, path, kept: draw.kept, busy: false });
  }

  #remove({ key, path }: Standing): void {
    const { truth, journal, removing } = this.#options;
    removing(path, () => rmSync(path));
    truth.ended(key, "removed", Date.now());
    journal.ofFile(key, "generator: remove");
    this.#standing.delete(key);
  }

  #isFree(file: Standing): boolean {
    return !file.busy && (!file.kept || this.#isEverywhere(file));
  }

  #isEverywhere({ key }: Standing): boolean {
    const state = this.#options.truth.current(key);
    return state !== undefined && this.#options.truth.missingIn(state).length === 0;
  }

  #pendingBytes(): number {
    let bytes = 0;
    for (const file of this.#standing.values()) {
      if (!this.#isEverywhere(file)) bytes += this.#options.truth.current(file.key)?.size ?? 0;
    }
    return bytes;
  }

  /** Removes the oldest that have arrived, so that the sources stay small. */
  #makeRoom(): void {
    const bytesOf = ({ key }: Standing) => this.#options.truth.current(key)?.size ?? 0;
    let bytes = [...this.#standing.values()].reduce((sum, file) => sum + bytesOf(file), 0);
    for (const file of [...this.#standing.values()]) {
      if (bytes <= maxStandingBytes && this.#standing.size <= maxStanding) return;
      if (file.busy || !this.#isEverywhere(file)) continue;
      bytes -= bytesOf(file);
      try {
        this.#remove(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }
}

function fits({ path }: Standing, operation: Operation): boolean {
  if (!["overwrite", "append", "truncate", "grow", "hold"].includes(operation)) return true;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && stats.size <= changeableBytes && (operation !== "truncate" || stats.size > 0);
}

function contentOf(path: string): Content {
  const bytes = readFileSync(path);
  const { mtimeNs } = statSync(path, { bigint: true });
  return { md5: new Bun.CryptoHasher("md5").update(bytes).digest("hex"), size: bytes.length, mtimeNs };
}
