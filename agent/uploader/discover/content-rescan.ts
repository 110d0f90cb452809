/**
 * Reading known files again (`rescan_content`): what a program writes through a mapping of the file, or while the clock
 * stands where it stood, changes its content and neither its size nor its times. A file that is no longer what was sent is
 * given up as that version, and sent as a new one like any other that has changed.
 *
 * One file at a time, and mostly resting: there is no hurry, and the disk is others' as well. Nothing is kept for it.
 *
 * And at once the files of which events tell that somebody has written to them after they were sent, while they look as they
 * were: where file systems keep times in whole seconds (ext3, FAT), or a `settle` is shorter than a tick of their clock.
 */
import { AgentError, messageOf } from "../../lib/errors.ts";
import { pause } from "../../lib/retry.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import { algorithmOf } from "../../wire/checksum.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { sameFingerprint } from "../access/fingerprint.ts";
import type { WatchedFile } from "../access/watch.ts";
import { ChangedError } from "../errors.ts";
import { SourceFile } from "../send/source-file.ts";
import type { UploadOptions } from "../upload-options.ts";
import type { Discovery } from "./discovery.ts";

type ContentRescanOptions = Pick<UploadOptions, "config" | "ledger" | "files" | "reporting" | "run"> & {
  discovery: Discovery;
};

/** For each millisecond of reading. With `--once` somebody waits for it. */
const restForWork = 3;
/** No timer can be set to a month. */
const longestTimerMs = 86_400_000;

export class ContentRescan {
  readonly #options: ContentRescanOptions;
  readonly #warnings: RareWarnings;
  #isUnderWay = false;
  /** The last of those that are compared at once, one after the other. */
  #comparing: Promise<unknown> = Promise.resolve();

  constructor(options: ContentRescanOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.reporting.log);
  }

  /** Whether `--once` has to wait for it. */
  get isBusy(): boolean {
    return this.#isUnderWay;
  }

  /** Looks at all of them every `rescan_content`, at once for the first time; with `--once` once. Ends with the signal. */
  async run(): Promise<void> {
    const { config, discovery } = this.#options;
    const { signal, once } = this.#options.run;
    const everyMs = config.rescanContentMs;
    if (everyMs === undefined) return;
    this.#isUnderWay = true;
    while (!signal.aborted) {
      const begunMs = performance.now();
      await this.#lookAtAll();
      if (once) break;
      for (let leftMs = everyMs; leftMs > 0 && !signal.aborted; ) {
        leftMs = begunMs + everyMs - performance.now();
        await pause(Math.min(Math.max(0, leftMs), longestTimerMs), signal);
      }
    }
    this.#isUnderWay = false;
    discovery.wake();
  }

  /**
   * Something happened to the content of a file that looks as it was sent, and that is this job's until it was compared. Resolves
   * with whether it is what was sent.
   */
  compare(file: WatchedFile): Promise<boolean> {
    const compared = this.#comparing.then(async () => {
      const outcome = await this.#compare(file);
      const isDoubted = this.#options.discovery.done(file, outcome === "other");
      return outcome === "same" && !isDoubted;
    });
    this.#comparing = compared;
    return compared;
  }

  /** Of a busy file: same: it is what was sent. other: it was given up as that. unknown: neither is known. */
  async #compare(file: WatchedFile): Promise<"same" | "other" | "unknown"> {
    const { ledger } = this.#options;
    const { signal } = this.#options.run;
    const entry = ledger.file(file.path);
    if (signal.aborted || entry?.state !== "sent") return "unknown";
    try {
      const isOther = await this.#isOther(file, entry, false);
      if (!isOther) return "same";
      if (!this.#isCurrent(file.path, entry)) return "unknown";
      await this.#giveUp(file, entry);
      return "other";
    } catch (error) {
      this.#sayTrouble(file.path, error);
      return "unknown";
    }
  }

  async #lookAtAll(): Promise<void> {
    const { ledger, discovery } = this.#options;
    const { signal } = this.#options.run;
    // What is sent meanwhile has just been read.
    for (const path of [...ledger.paths()]) {
      if (signal.aborted) return;
      const entry = ledger.file(path);
      const file = entry?.state === "sent" ? discovery.fileAt(path) : undefined;
      if (!entry || !file || discovery.paths.has(path)) continue;
      const begunMs = performance.now();
      try {
        if (await this.#isOther(file, entry, true)) await this.#giveUpIfFree(file, entry);
      } catch (error) {
        this.#sayTrouble(path, error);
      }
      await this.#rest(begunMs);
    }
  }

  /** Whether the file that looks as it was sent has another content. */
  async #isOther(file: WatchedFile, entry: FileValue, resting: boolean): Promise<boolean> {
    const { files } = this.#options;
    const { checksum } = entry;
    if (checksum === undefined) return false;
    const source = await SourceFile.open(files, file, algorithmOf(checksum));
    if (!source) return false;
    try {
      if (!sameFingerprint(entry, source.fingerprint) || (await source.isOpenForWriting())) return false;
      let sinceMs = performance.now();
      return !(await source.hasChecksum(checksum, async () => {
        if (!this.#isCurrent(file.path, entry)) throw new ChangedError("it changed while it was read");
        if (resting) await this.#rest(sinceMs);
        sinceMs = performance.now();
      }));
    } finally {
      await source.close();
    }
  }

  async #giveUpIfFree(file: WatchedFile, entry: FileValue): Promise<void> {
    const { discovery } = this.#options;
    if (!this.#isCurrent(file.path, entry) || discovery.paths.has(file.path) || !discovery.begin(file))
      return;
    try {
      await this.#giveUp(file, entry);
    } finally {
      discovery.done(file, true);
    }
  }

  async #giveUp({ path }: WatchedFile, entry: FileValue): Promise<void> {
    const { ledger } = this.#options;
    const { log, observer } = this.#options.reporting;
    const { version, size, mtime, ctime, inode } = entry;
    const reason = "its content changed, though not its size and time";
    await ledger.put(path, { version, state: "abandoned", size, mtime, ctime, inode, reason });
    log.warn(`${pathToDisplay(path)}: ${reason}: it is sent again`, { path, version });
    observer.metrics.recovery("rescan");
  }

  #sayTrouble(path: string, error: unknown): void {
    // What has changed is a matter of the looks at size and time.
    if (error instanceof ChangedError || (this.#options.run.signal.aborted && error instanceof AgentError))
      return;
    const reason = `can't be read again: ${messageOf(error)}; tried again after rescan_content`;
    this.#warnings.warn("content", `${pathToDisplay(path)}: ${reason}`);
  }

  async #rest(sinceMs: number): Promise<void> {
    const { once, signal } = this.#options.run;
    if (!once) await pause(restForWork * (performance.now() - sinceMs), signal);
  }

  #isCurrent(path: string, { version }: FileValue): boolean {
    const { ledger } = this.#options;
    const { signal } = this.#options.run;
    const entry = ledger.file(path);
    return !signal.aborted && entry?.state === "sent" && entry.version === version;
  }
}
