/** Looks at every file the moment it appears in an output: whole, true, newer than what was there, and for the first time. */
import { closeSync, fstatSync, openSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join, relative } from "node:path";
import { md5Of } from "./contents.ts";
import type { Findings } from "./findings.ts";
import { type FolderEvent, Inotify } from "./inotify.ts";
import type { Journal } from "./journal.ts";
import { kindOfStrange } from "./judge.ts";
import type { Content, Disk, FileRecord, State, Truth } from "./truth.ts";

/** A directory that is published to. */
export interface WatchedDisk extends Disk {
  output: string;
  /** On the output's file system, outside of it. */
  trash: string;
}

/** A content that was published on a disk that had it already. */
export interface Repetition {
  disk: WatchedDisk;
  record: FileRecord;
  state: State;
  firstMs: number;
  lastMs: number;
}

/** A published file that is right, and still there. */
export interface Arrival {
  key: string;
  path: string;
  inode: bigint;
  atMs: number;
}

export interface WatcherOptions {
  truth: Truth;
  findings: Findings;
  journal: Journal;
  disks: readonly WatchedDisk[];
  onArrival(disk: WatchedDisk, arrival: Arrival): void;
}

const pollMs = 20;
/** A file that is strange at the first look is looked at again after this. */
const secondLookMs = 500;

export class Watcher {
  readonly #options: WatcherOptions;
  readonly #inotify: Inotify;
  readonly #looks = new Set<Promise<void>>();
  /** By path, the last one that is not judged yet. */
  readonly #lastLooks = new Map<string, Promise<void>>();
  readonly #seen = new Map<string, string>();
  /** What the file had that took a name last. */
  readonly #contents = new Map<string, Content>();
  readonly #arrivedMs = new Map<string, number>();
  readonly #removing = new Map<string, number>();
  readonly #reported = new Set<string>();
  readonly #repetitions = new Map<string, Repetition>();
  readonly #timer: Timer;
  #unseen = 0;
  #failure: unknown;

  constructor(options: WatcherOptions) {
    this.#options = options;
    const own = options.disks.map(({ output }) => join(output, ".streamsend"));
    this.#inotify = new Inotify((path) => !own.includes(path));
    for (const { output } of options.disks) this.#inotify.add(output);
    this.#timer = setInterval(() => this.poll(), pollMs);
  }

  /** Contents that came more than once to a disk; to be explained when all logs have been read. */
  get repetitions(): Iterable<Repetition> {
    return this.#repetitions.values();
  }

  /** Files that had been replaced by newer ones before they could be opened. */
  get unseen(): number {
    return this.#unseen;
  }

  /** Takes what has happened up to now; resolves when all of it is judged. */
  async settled(): Promise<void> {
    this.poll();
    await Promise.all(this.#looks);
    if (this.#failure !== undefined) throw this.#failure;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#inotify.close();
  }

  /** Takes a published file away, to make room. */
  remove(disk: WatchedDisk, arrival: Arrival): void {
    this.poll();
    // A newer one has taken the name, and is being looked at.
    if (!this.#seen.get(arrival.path)?.startsWith(`${arrival.inode} `)) return;
    const place = join(disk.trash, crypto.randomUUID());
    this.#removing.set(arrival.path, (this.#removing.get(arrival.path) ?? 0) + 1);
    renameSync(arrival.path, place);
    // Even between the poll and the rename one may have come: it has to be looked at where it is now.
    if (statSync(place, { bigint: true }).ino !== arrival.inode) this.#look(disk, arrival.key, place);
    rmSync(place);
  }

  /** Every file that is still there has to be as it was when it took its name; gives how many were compared. */
  async compareAll(): Promise<number> {
    let compared = 0;
    for (const disk of this.#options.disks) {
      for (const path of filesIn(disk.output)) {
        const file = await open(path);
        const now = await contentOf(file).finally(() => file.close());
        const then = this.#contents.get(path);
        compared++;
        if (then?.md5 === now.md5 && then.size === now.size && then.mtimeNs === now.mtimeNs) continue;
        const key = relative(disk.output, path);
        this.#options.findings.add(
          "corrupt",
          key,
          `on ${disk.name}: at the end it is not what was published last`,
        );
      }
    }
    return compared;
  }

  poll(): void {
    try {
      for (const event of this.#inotify.take()) this.#take(event);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #take({ kind, path }: FolderEvent): void {
    const disk = this.#options.disks.find(({ output }) => path.startsWith(`${output}/`));
    if (!disk) return;
    const key = relative(disk.output, path);
    if (kind === "modified") this.#strange("half", disk, key, "it was written to under its name");
    else if (kind === "vanished") this.#vanished(disk, key, path);
    else this.#look(disk, key, path);
  }

  #vanished(disk: WatchedDisk, key: string, path: string): void {
    const expected = this.#removing.get(path) ?? 0;
    if (expected > 0) this.#removing.set(path, expected - 1);
    else this.#options.findings.add("lost", key, `on ${disk.name}: it was published, and taken away again`);
  }

  #look(disk: WatchedDisk, key: string, path: string): void {
    let descriptor: number;
    try {
      // At once: what has the name now may be replaced a moment later.
      descriptor = openSync(path, "r");
    } catch {
      this.#unseen++;
      return;
    }
    const { ino, ctimeNs } = fstatSync(descriptor, { bigint: true });
    const identity = `${ino} ${ctimeNs}`;
    if (this.#seen.get(path) === identity) {
      closeSync(descriptor);
      return;
    }
    this.#seen.set(path, identity);
    const before = this.#lastLooks.get(path);
    const look = this.#judge(disk, key, path, descriptor, ino, identity, before)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        closeSync(descriptor);
        this.#looks.delete(look);
        if (this.#lastLooks.get(path) === look) this.#lastLooks.delete(path);
      });
    this.#looks.add(look);
    this.#lastLooks.set(path, look);
  }

  async #judge(
    disk: WatchedDisk,
    key: string,
    path: string,
    descriptor: number,
    inode: bigint,
    identity: string,
    before: Promise<void> | undefined,
  ): Promise<void> {
    const { truth, findings, journal, onArrival } = this.#options;
    const atMs = Date.now();
    // Through the descriptor: the name may lead elsewhere by now.
    const file = await open(`/proc/self/fd/${descriptor}`);
    try {
      const seen = await contentOf(file);
      // In the order in which they took the name: a large one is read for longer than the small one after it.
      await before;
      if (this.#seen.get(path) === identity) this.#contents.set(path, seen);
      const judged = truth.published(disk.name, key, seen);
      journal.ofFile(
        key,
        `${disk.name}: published, ${seen.size} bytes, md5 ${seen.md5}: ${judged.kind}`,
        atMs,
      );
      if (judged.kind === "foreign") {
        await Bun.sleep(secondLookMs);
        const { kind, why } = kindOfStrange(seen, await contentOf(file), judged.record);
        return this.#strange(kind, disk, key, why);
      }
      if (judged.kind === "older")
        findings.add(
          "older",
          key,
          `on ${disk.name}: its content ${judged.state.index} came after a newer one`,
        );
      const id = `${disk.name} ${key} ${judged.state.index}`;
      const firstMs = this.#arrivedMs.get(id) ?? atMs;
      this.#arrivedMs.set(id, firstMs);
      if (judged.kind === "again")
        this.#repetitions.set(id, {
          disk,
          record: judged.record,
          state: judged.state,
          firstMs,
          lastMs: atMs,
        });
      if (path.startsWith(`${disk.output}/`)) onArrival(disk, { key, path, inode, atMs });
    } finally {
      await file.close();
    }
  }

  /** Once a name: one bad file is seen by several of its events. */
  #strange(kind: "half" | "corrupt", disk: WatchedDisk, key: string, why: string): void {
    const id = `${disk.name} ${key}`;
    if (this.#reported.has(id)) return;
    this.#reported.add(id);
    this.#options.findings.add(kind, key, `on ${disk.name}: ${why}`);
  }
}

async function contentOf(file: FileHandle): Promise<Content> {
  const { md5, size } = await md5Of(
    async (buffer, at) => (await file.read(buffer, 0, buffer.length, at)).bytesRead,
  );
  const { mtimeNs } = await file.stat({ bigint: true });
  return { md5, size, mtimeNs };
}

/** The published files below an output. */
export function filesIn(output: string): string[] {
  return readdirSync(output, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(output, ".streamsend")));
}
