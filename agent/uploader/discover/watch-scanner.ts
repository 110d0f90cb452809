/**
 * From events and full looks at one watch to files that are ready to be sent (`readiness.ts` says which are). Nothing is
 * queued: a full look goes on only as fast as files are taken, and what was not looked at is found by the next one.
 */
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import { Waker } from "../../lib/waker.ts";
import { fingerprintOf } from "../access/fingerprint.ts";
import type { Watch, WatchedFile } from "../access/watch.ts";
import type { WatchFiles } from "../access/watch-files.ts";
import type { ActivePaths } from "../queue/active-paths.ts";
import { DeletedFiles } from "./deleted-files.ts";
import type { Discovered } from "./discovered.ts";
import { FolderEvents } from "./folder-events.ts";
import { type Happened, PendingLooks } from "./pending-looks.ts";
import { type Circumstances, Readiness, type ReadinessOptions } from "./readiness.ts";
import { type Found, lookAt, type ScanListener, type Sighting, scan } from "./scan.ts";
import { UnreadablePaths } from "./unreadable-paths.ts";
import { WatchLimit } from "./watch-limit.ts";

export interface ScannerOptions extends ReadinessOptions {
  files: Pick<WatchFiles, "folders">;
  paths: ActivePaths;
  /** With `once` the files end when all that was there at the start has been yielded, nothing is left to settle, and this says so. */
  isDone(): boolean;
}

/** After events were lost. */
const soonMs = 500;
/** What was seen longer ago than this is looked at once more before it is handed out. */
const freshMs = 100;
/** Files that are looked at in one go. */
const filesAtATime = 64;

export class WatchScanner {
  readonly #options: ScannerOptions;
  readonly #watch: Watch;
  readonly #gone: DeletedFiles;
  readonly #readiness: Readiness;
  readonly #unread: UnreadablePaths;
  readonly #limit: WatchLimit;
  readonly #events: FolderEvents;
  /** How many of its files a job has. */
  #activeCount = 0;
  readonly #pending = new PendingLooks();
  readonly #waker = new Waker();
  #rescanAtMs = 0;
  /** Until a look has been complete: what it sees was there before anybody looked. */
  #firstLook = true;

  constructor(watch: Watch, options: ScannerOptions) {
    const { log } = options.reporting;
    this.#watch = watch;
    this.#options = options;
    this.#readiness = new Readiness(options);
    this.#gone = new DeletedFiles(watch, { ...options, ...options.reporting, ...options.run });
    this.#unread = new UnreadablePaths(watch, log);
    this.#limit = new WatchLimit(watch.config.path, log);
    this.#events = new FolderEvents(watch.folders, {
      onPath: (relative, touched) => {
        if (watch.wants(relative)) this.#add(watch.file(relative), touched);
      },
      onFolder: (relative) => {
        if (watch.entersFolder(relative)) this.#addFolder(relative);
      },
      onLost: () => this.#rescanSoon(),
    });
  }

  /** What is found, until the signal fires (or with `once`: until there is no more). */
  async *discover(): AsyncGenerator<Discovered> {
    const { signal, once } = this.#options.run;
    const { log } = this.#options.reporting;
    try {
      while (!signal.aborted) {
        if (performance.now() >= this.#rescanAtMs) yield* this.#lookAtAll();
        yield* this.#lookAtFolders();
        yield* this.#lookAtFiles(this.#pending.takeFiles());
        const settled = Array.from(this.#readiness.settling.due(), (file) => ({ file, touched: false }));
        yield* this.#lookAtFiles(settled);
        if (once && this.knownCount + this.#pending.folderCount === 0 && this.#options.isDone()) return;
        await this.#waitForNext();
      }
    } finally {
      this.#events.close();
      if (signal.aborted) log.debug(`${this.#watch.config.path}: no more files are taken up`);
    }
  }

  /** Files that settle, wait to be looked at, or are being sent. */
  get knownCount(): number {
    const { settling, later } = this.#readiness;
    return settling.size + later.count + this.#pending.fileCount + this.#activeCount;
  }

  /** What the last full look could not read. */
  get unread(): Pick<UnreadablePaths, "problem" | "count"> {
    return this.#unread;
  }

  /** There is no place for it now; it is looked at again a little later. */
  postpone(file: WatchedFile): void {
    this.#readiness.settling.postpone(file.path);
  }

  /** A job begins, see `ActivePaths.tryBegin`; `done`, `settleAgain` or `release` ends it. */
  begin(path: string): boolean {
    this.#readiness.settling.forget(path);
    if (!this.#options.paths.tryBegin(path)) return false;
    this.#activeCount++;
    return true;
  }

  /**
   * Returns whether something happened to its content meanwhile: then it is looked at before anything is done with it.
   *
   * @param changed it changed while it was read, and is to stand still for longer this time
   */
  done(file: WatchedFile, changed: boolean): boolean {
    const meanwhile = this.#options.paths.meanwhile(file.path);
    this.#readiness.settling.ended(file.path, changed);
    if (changed || meanwhile !== "nothing") this.#add(file, meanwhile === "touched");
    this.release(file.path);
    return meanwhile === "touched";
  }

  /** It was sent as it was found, and nothing happened to it meanwhile. */
  sent(found: Sighting): void {
    this.#readiness.sent(found);
  }

  /** It is not finished after all, and stands still for another `settle` before it is handed out again. */
  settleAgain({ file, stats }: Found): void {
    this.#readiness.settling.again(file, fingerprintOf(stats));
    if (this.#options.paths.meanwhile(file.path) !== "nothing") this.#add(file, false);
    this.release(file.path);
  }

  /** It could not be sent; if it is there, the next full look finds it again. */
  release(path: string): void {
    this.#activeCount--;
    this.#options.paths.end(path);
    this.wake();
  }

  /** Something may be over that `isDone` waits for. */
  wake(): void {
    this.#waker.wake();
  }

  #rescanSoon(): void {
    this.#rescanAtMs = Math.min(this.#rescanAtMs, performance.now() + soonMs);
    this.wake();
  }

  #add(file: WatchedFile, touched: boolean): void {
    if (!this.#pending.addFile(file, touched)) this.#rescanSoon();
    this.wake();
  }

  #addFolder(relative: string): void {
    if (!this.#pending.addFolder(relative)) this.#rescanSoon();
    this.wake();
  }

  async *#lookAtAll(): AsyncGenerator<Discovered> {
    const only = this.#watch.config.named?.only;
    if (only) yield* this.#lookAtNamed(only);
    else yield* this.#lookAtWatch();
  }

  /** Files that were named one by one are looked at where they are, whatever else is beside them. */
  async *#lookAtNamed(only: ReadonlySet<string>): AsyncGenerator<Discovered> {
    this.#rescanAtMs = performance.now() + this.#options.config.rescanMs;
    const files = Array.from(only, (relative) => ({ file: this.#watch.file(relative), touched: false }));
    yield* this.#lookAtFiles(files);
    yield { kind: "looked" };
  }

  async *#lookAtWatch(): AsyncGenerator<Discovered> {
    const { config } = this.#options;
    const { observer } = this.#options.reporting;
    const { signal, once } = this.#options.run;
    // First, so that what happens meanwhile can ask for the next one.
    this.#rescanAtMs = performance.now() + config.rescanMs;
    this.#pending.takeFolders();
    const refused = once ? 0 : this.#events.open();
    this.#limit.beginLook(refused);
    this.#events.beginLook();
    this.#unread.beginLook();
    this.#readiness.beginLook();
    await this.#gone.begin();
    let complete = true;
    const listener = this.#listener((relative, error) => {
      this.#unread.add(relative, error);
      // The watch itself is no file, and a reason not to be ready.
      if (relative !== "") observer.metrics.file("failed");
      // What is below a folder that is not ours to read, `lost+found` say, is looked at by its own path before it is noted.
      if (relative === "" || error.code !== "EACCES") complete = false;
    });
    for await (const found of scan(this.#watch, listener, { from: "", inotify: this.#events.inotify })) {
      if (signal.aborted) return;
      const { path } = found.file;
      this.#gone.found(found);
      leaveGarbage(garbageOf.look);
      const { settling } = this.#readiness;
      const wasSettling = settling.has(path);
      // Else it came, or something happened to it, since its folder is watched.
      const wasThere = this.#firstLook && !this.#pending.hasFile(path) && !wasSettling;
      const discovered = await this.#judge(found, { wasThere, touched: false });
      // No event has told of it.
      const isNew = !wasSettling && (discovered?.kind === "ready" || settling.has(path));
      if (isNew && !this.#firstLook) observer.metrics.recovery("rescan");
      if (discovered) yield discovered;
      if (this.#pending.fileCount > 0) yield* this.#lookAtFiles(this.#pending.takeFiles());
    }
    if (signal.aborted) return;
    await this.#endLook(complete);
    yield { kind: "looked" };
  }

  async #endLook(complete: boolean): Promise<void> {
    const { once } = this.#options.run;
    this.#unread.endLook();
    if (!once) this.#limit.endLook(complete);
    this.#events.endLook(complete);
    const isWhole = complete && (await this.#gone.note());
    this.#readiness.endLook(isWhole && this.#unread.count === 0);
    if (complete) this.#firstLook = false;
    this.#rescanAtMs = Math.min(this.#rescanAtMs, this.#readiness.later.atMs);
  }

  #listener(unreadable: ScanListener["unreadable"]): ScanListener {
    const { ledger } = this.#options;
    return {
      isKnown: (all, content, path) => {
        leaveGarbage(garbageOf.known);
        // Asked for wherever it is known as sent.
        let itsPath = "";
        const known = this.#readiness.passes(all, content, () => {
          itsPath = path();
          return ledger.isSent(itsPath);
        });
        if (known === "sent") this.#gone.foundSent(itsPath);
        return known !== undefined;
      },
      isSentAs: (path, seen) => {
        const isSent = this.#readiness.isSentAs(path, seen, this.#gone.look);
        if (isSent) this.#gone.recognize();
        return isSent;
      },
      unwanted: (all) => this.#readiness.unwanted(all),
      folder: (relative, descriptor) => {
        this.#limit.folder(descriptor);
        if (descriptor > 0) this.#events.watched(descriptor, relative);
      },
      unreadable,
    };
  }

  /** Folders that have come, with all that is in them. What can't be read in them the next full look says. */
  async *#lookAtFolders(): AsyncGenerator<Discovered> {
    for (const from of this.#pending.takeFolders()) {
      const { inotify } = this.#events;
      const listener: ScanListener = {
        ...this.#listener(() => undefined),
        folder: (relative, descriptor) => {
          if (descriptor > 0) this.#events.watched(descriptor, relative);
        },
      };
      for await (const found of scan(this.#watch, listener, { from, inotify })) {
        if (this.#options.run.signal.aborted) return;
        const discovered = await this.#judge(found, { wasThere: false, touched: false });
        if (discovered) yield discovered;
      }
    }
  }

  async *#lookAtFiles(all: readonly Happened[]): AsyncGenerator<Discovered> {
    for (let at = 0; at < all.length; at += filesAtATime) {
      const some = all.slice(at, at + filesAtATime);
      const seen = await lookAt(
        this.#watch,
        some.map(({ file }) => file),
      );
      for (const [index, { file, touched }] of some.entries()) {
        if (this.#options.run.signal.aborted) return;
        const state = seen[index];
        if (state?.kind !== "file") this.#readiness.settling.forget(file.path);
        else {
          const discovered = await this.#judge({ file, ...state }, { wasThere: false, touched });
          if (discovered) yield discovered;
        }
      }
    }
  }

  /** What is to be done with the file as it stands now, however long others took since it was seen. */
  async #judge(found: Sighting, circumstances: Circumstances): Promise<Discovered | undefined> {
    const discovered = this.#judgeSeen(found, circumstances);
    if (discovered?.kind !== "ready" || performance.now() - found.seenMs < freshMs) return discovered;
    const [now] = await lookAt(this.#watch, [found.file]);
    if (now?.kind === "file")
      return this.#judgeSeen({ file: found.file, ...now }, { ...circumstances, touched: false });
    this.#readiness.settling.forget(found.file.path);
    return undefined;
  }

  #judgeSeen(found: Sighting, circumstances: Circumstances): Discovered | undefined {
    const { file } = found;
    if (this.#options.paths.happened(file.path, circumstances.touched)) return undefined;
    const discovered = this.#readiness.judge(found, circumstances);
    // Nothing is done with it before it was compared, whenever that is asked for.
    return discovered?.kind === "doubted" && !this.begin(file.path) ? undefined : discovered;
  }

  /** Until an event comes, something may have settled, or the next full look is due. */
  async #waitForNext(): Promise<void> {
    const waitMs = Math.min(this.#rescanAtMs, this.#readiness.settling.nextMs) - performance.now();
    if (this.#pending.fileCount + this.#pending.folderCount > 0 || waitMs <= 0) return;
    await this.#waker.wait(waitMs, this.#options.run.signal);
  }
}
