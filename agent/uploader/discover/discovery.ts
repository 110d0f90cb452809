/** The files of all watches that are ready to be sent. Each watch is looked at by itself: one that hangs holds up no other. */

import { callsPerWatch, FileSystemGate } from "../access/file-system-gate.ts";
import { Watch, type WatchedFile } from "../access/watch.ts";
import type { ActivePaths } from "../queue/active-paths.ts";
import type { Discovered } from "./discovered.ts";
import type { Found, Sighting } from "./scan.ts";
import { type ScannerOptions, WatchScanner } from "./watch-scanner.ts";

export class Discovery {
  readonly #options: ScannerOptions;
  readonly #watches: ReadonlyMap<Watch, WatchScanner>;

  constructor(options: ScannerOptions) {
    const { config } = options;
    const { log } = options.reporting;
    this.#options = options;
    const calls = callsPerWatch(config.watch.length, process.env);
    this.#watches = new Map(
      config.watch.map((one) => {
        const watch = new Watch(one, new FileSystemGate(one.path, calls, log), options.files.folders);
        return [watch, new WatchScanner(watch, options)];
      }),
    );
  }

  /**
   * Hands on what is found, each watch's in its order: the next comes when the one before was dealt with. Ends when the signal
   * fires, without waiting for a watch that hangs, or with `once` when there is no more. Throws what a watch throws.
   */
  async handOn(deal: (discovered: Discovered) => Promise<void>): Promise<void> {
    const { signal } = this.#options.run;
    const all = Promise.all(Array.from(this.#watches.values(), (scanner) => handOnOf(scanner, deal, signal)));
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([all, stopped]);
  }

  /** The jobs of all watches. */
  get paths(): ActivePaths {
    return this.#options.paths;
  }

  get watches(): Iterable<Watch> {
    return this.#watches.keys();
  }

  /** Files that settle, wait to be looked at, or are being sent. */
  get knownCount(): number {
    let count = 0;
    for (const scanner of this.#watches.values()) count += scanner.knownCount;
    return count;
  }

  /** The watches that the last full look could not read, and why. */
  get unreadableWatches(): readonly string[] {
    return [...this.#watches.values()].flatMap(({ unread }) => unread.problem ?? []);
  }

  /** How many folders and files, and watches, the last full looks could not read. */
  get unreadCount(): number {
    let count = 0;
    for (const scanner of this.#watches.values()) count += scanner.unread.count;
    return count;
  }

  /** The file that has this path at the destination, if a watch has it among what it may send. */
  fileAt(path: string): WatchedFile | undefined {
    for (const watch of this.#watches.keys()) {
      const file = watch.fileAt(path);
      if (file) return file;
    }
    return undefined;
  }

  /** See `WatchScanner`, as with all that follow. */
  postpone(file: WatchedFile): void {
    this.#of(file)?.postpone(file);
  }

  begin(file: WatchedFile): boolean {
    return this.#of(file)?.begin(file.path) ?? false;
  }

  settleAgain(found: Found): void {
    this.#of(found.file)?.settleAgain(found);
  }

  sent(found: Sighting): void {
    this.#of(found.file)?.sent(found);
  }

  done(file: WatchedFile, changed: boolean): boolean {
    return this.#of(file)?.done(file, changed) ?? false;
  }

  release(file: WatchedFile): void {
    this.#of(file)?.release(file.path);
  }

  wake(): void {
    for (const scanner of this.#watches.values()) scanner.wake();
  }

  #of(file: WatchedFile): WatchScanner | undefined {
    return this.#watches.get(file.watch);
  }
}

async function handOnOf(
  scanner: WatchScanner,
  deal: (discovered: Discovered) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for await (const discovered of scanner.discover()) {
    if (signal.aborted) return;
    await deal(discovered);
  }
}
