/** Noting what the ledger has as present and is no longer there. */
import type { UploaderLedger } from "../../ledger/uploader/uploader-ledger.ts";
import { messageOf } from "../../lib/errors.ts";
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import type { Log } from "../../observe/log.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { fingerprintOf, sameSizeAndTime } from "../access/fingerprint.ts";
import type { Watch } from "../access/watch.ts";
import type { ActivePaths } from "../queue/active-paths.ts";
import { type Found, isGone } from "./scan.ts";

/** So often what is not seen is looked at once more, whatever the hashes say. */
const everyLooks = 60;
/** They fit sixteen bits. */
const mostLookNumbers = 65_535;
/** Files that are looked at and noted at a time: each waits for the disk, then for the brokers. */
const atATime = 32;

export interface DeletedFilesOptions {
  ledger: Pick<UploaderLedger, "paths" | "file" | "isPresent" | "see" | "unseen" | "put">;
  log: Log;
  signal: AbortSignal;
  /** What a job has is no business of a look. */
  paths: Pick<ActivePaths, "has">;
}

export class DeletedFiles {
  readonly #watch: Watch;
  readonly #options: DeletedFilesOptions;
  /** Hash of those that the last look did not see though they are there, as the watch does not want them now. */
  #unseenHash = 0;
  /** Whether something could not be decided last time. */
  #isUnsure = false;
  /** What the look is at, and whether it has seen a file there that the ledger knows. */
  #device: bigint | undefined;
  #recognized = false;
  #looks = 0;
  /** The one that is under way, for what it sees. */
  #look = 0;

  constructor(watch: Watch, options: DeletedFilesOptions) {
    this.#watch = watch;
    this.#options = options;
  }

  async begin(): Promise<void> {
    this.#look = (this.#look % mostLookNumbers) + 1;
    this.#recognized = false;
    this.#device = await this.#watch.device.now();
  }

  found({ file: { path }, stats }: Pick<Found, "file" | "stats">): void {
    const { ledger } = this.#options;
    if (!ledger.isPresent(path)) return;
    ledger.see(path, this.#look);
    if (this.#recognized || this.#watch.device.isKnown(this.#device)) return;
    const entry = ledger.file(path);
    this.#recognized = entry !== undefined && sameSizeAndTime(entry, fingerprintOf(stats));
  }

  /** The number of the look that is under way. */
  get look(): number {
    return this.#look;
  }

  /** It has found a file that stands there as it was sent. */
  foundSent(path: string): void {
    this.#options.ledger.see(path, this.#look);
    this.recognize();
  }

  /** It has found such a file, and has noted with its entry that it was seen. */
  recognize(): void {
    this.#recognized = true;
  }

  /**
   * It is over, and was complete, but for a watch that is not the one it was: then nothing is decided. Whatever the ledger has and the
   * look has not seen is looked at a second time, before it is noted as gone.
   * Returns whether what was seen is the watch.
   */
  async note(): Promise<boolean> {
    const { ledger, log } = this.#options;
    const { device, config } = this.#watch;
    if (config.named) return true;
    // Mounted or unmounted in the middle of it: the next one tells.
    if (this.#device === undefined || !(await this.#isSameDevice())) return false;
    const unseen: string[] = [];
    let unseenHash = 0;
    for (const path of ledger.unseen(this.#folder, this.#look)) {
      if (!this.#isOfWatch(path)) continue;
      unseen.push(path);
      unseenHash ^= hashOf(path);
    }
    if (!device.isKnown(this.#device) && !this.#recognized && this.#hasAny()) {
      device.doubt(log);
      return false;
    }
    device.take(this.#device, log);
    const isDue = this.#looks++ % everyLooks === everyLooks - 1 || this.#isUnsure;
    if (unseenHash === this.#unseenHash && !isDue) return true;
    this.#isUnsure = false;
    let thereHash = 0;
    await forEachConcurrent(unseen, atATime, async (path) => {
      if (!(await this.#noteIfGone(path))) thereHash ^= hashOf(path);
      leaveGarbage(garbageOf.look);
    });
    this.#unseenHash = thereHash;
    return true;
  }

  /** Returns whether it is gone, as far as that can be decided now. */
  async #noteIfGone(path: string): Promise<boolean> {
    const { ledger, log, signal, paths } = this.#options;
    const isElsewhere = () => signal.aborted || paths.has(path) || !ledger.isPresent(path);
    const relative = path.slice(this.#folder.length);
    const isMissing = !isElsewhere() && (await isGone(this.#watch, relative));
    // It came behind the look's back: the next one sees it, or it is gone by then.
    if (this.#watch.wants(relative)) this.#isUnsure ||= !isMissing;
    const isUnmounted = isMissing && !(await this.#isSameDevice());
    const entry = ledger.file(path);
    if (isUnmounted || isElsewhere() || !entry) {
      this.#isUnsure = true;
      return false;
    }
    if (!isMissing) return false;
    await ledger.put(path, { ...entry, state: "gone" }).catch((error: unknown) => {
      if (!signal.aborted) log.warn(`${pathToDisplay(path)}: can't be noted as gone: ${messageOf(error)}`);
    });
    return true;
  }

  /** Whether the ledger has any file of the watch as present. */
  #hasAny(): boolean {
    const { ledger } = this.#options;
    for (const path of ledger.paths()) if (this.#isOfWatch(path) && ledger.isPresent(path)) return true;
    return false;
  }

  async #isSameDevice(): Promise<boolean> {
    return (await this.#watch.device.now()) === this.#device;
  }

  get #folder(): string {
    return this.#watch.file("").path;
  }

  #isOfWatch(path: string): boolean {
    if (!path.startsWith(this.#folder)) return false;
    // What is deeper than this watch looks is another watch's.
    return this.#watch.config.recursive || !path.slice(this.#folder.length).includes("/");
  }
}

/** All of a set's paths by exclusive or stand for the set, in any order; of two sets, for what is in one of them only. */
function hashOf(path: string): number {
  // biome-ignore lint/plugin: whoever has two meet delays by `everyLooks` that one of them is noted as gone.
  return Bun.hash.xxHash32(path);
}
