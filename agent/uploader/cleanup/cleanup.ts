/**
 * What happens to a source after it was sent (`after`): it is deleted or moved away once it is acknowledged or delivered,
 * as configured, if it still is that very version. Nothing is noted for it: the receipts and the entry are in the ledger,
 * so what a crash has kept from happening is found again by the next look at the file.
 */
import type { GroupReceipt } from "../../ledger/uploader/version-receipts.ts";
import type { BoundedMap } from "../../lib/bounded-map.ts";
import { AgentError, messageOf } from "../../lib/errors.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { pathToDisplay } from "../../wire/path.ts";
import type { WatchedFile } from "../access/watch.ts";
import type { Discovery } from "../discover/discovery.ts";
import type { UploadOptions } from "../upload-options.ts";
import { MovedFiles } from "./moved-files.ts";
import { deleteSource, moveSource, type Taken } from "./remove-source.ts";

type CleanupOptions = Pick<UploadOptions, "config" | "ledger" | "files" | "reporting" | "run"> & {
  discovery: Discovery;
  /** Files that could not be sent or dealt with, and why. */
  failed: BoundedMap<string, unknown>;
};

/** More at a time make a slow disk no faster; each also waits for the ledger. */
const mostRunning = 32;
/** What groups could not store, said one by one, also of before at each start; the others rarely: anybody may write such receipts. */
const unstoredAtOnce = 30;

export class Cleanup {
  readonly #options: CleanupOptions;
  readonly #warnings: RareWarnings;
  readonly #moved: MovedFiles;
  /** Sent, there, and not delivered yet. */
  readonly #waiting = new Set<string>();
  readonly #due = new Set<string>();
  /** Those that are due, while another job has their path. */
  readonly #blocked = new Set<string>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: CleanupOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.reporting.log, { unstored: unstoredAtOnce });
    this.#moved = new MovedFiles(options.files, options.reporting.log);
  }

  /** Whether files are to be dealt with that nobody has delivered yet, or that are being dealt with. */
  get isBusy(): boolean {
    return this.#waiting.size + this.#due.size + this.#blocked.size + this.#running.size > 0;
  }

  /** The file stands there as the version that was sent: it was just sent, or a full look has found it. */
  sent(path: string): void {
    const { config, ledger } = this.#options;
    if (config.after === "keep") return;
    if (config.after === "await" && ledger.feedback.receipts.isDelivered(path)) return;
    if (config.afterWhen === "acknowledged" || ledger.feedback.receipts.isDelivered(path)) this.#add(path);
    else {
      this.#waiting.add(path);
      if (ledger.feedback.receipts.isFailed(path)) this.#giveUpWaiting(path);
    }
  }

  /** Something was said of the path's present version. */
  receipt(receipt: GroupReceipt): void {
    const { config, ledger } = this.#options;
    const { observer } = this.#options.reporting;
    const { path } = receipt;
    if (receipt.verdict === "failed") {
      this.#sayFailed(receipt);
      if (ledger.feedback.receipts.isFailed(path)) this.#giveUpWaiting(path);
    } else if (ledger.feedback.receipts.isDelivered(path)) {
      observer.done("delivered", pathToDisplay(path));
      this.#waiting.delete(path);
      if (config.after === "await") this.#options.discovery.wake();
      else if (config.after !== "keep" && config.afterWhen === "delivered") this.#add(path);
    }
  }

  /** A full look is over: what it did not find is waited for no longer. */
  looked(): void {
    const { ledger } = this.#options;
    this.#moved.looked();
    for (const path of this.#waiting) if (ledger.file(path)?.state !== "sent") this.#waiting.delete(path);
  }

  /** Resolves when nothing is under way. */
  async end(): Promise<void> {
    await Promise.all([...this.#running, this.#moved.end()]);
  }

  #add(path: string): void {
    this.#waiting.delete(path);
    this.#due.add(path);
    this.#goOn();
  }

  #goOn(): void {
    const { discovery } = this.#options;
    const { signal } = this.#options.run;
    for (const path of this.#due) {
      if (this.#running.size >= mostRunning || signal.aborted) return;
      this.#due.delete(path);
      const file = discovery.fileAt(path);
      if (!file) continue;
      if (discovery.paths.has(path)) {
        this.#waitUntilFree(path);
        continue;
      }
      discovery.begin(file);
      const task: Promise<void> = this.#act(file).finally(() => {
        this.#running.delete(task);
        discovery.done(file, false);
        this.#goOn();
      });
      this.#running.add(task);
    }
  }

  #waitUntilFree(path: string): void {
    if (this.#blocked.has(path)) return;
    this.#blocked.add(path);
    this.#options.discovery.paths.whenFree(path, () => {
      this.#blocked.delete(path);
      this.#add(path);
    });
  }

  async #act(file: WatchedFile): Promise<void> {
    const { config, ledger, failed } = this.#options;
    const { log, observer } = this.#options.reporting;
    const { signal } = this.#options.run;
    const { path } = file;
    const name = pathToDisplay(path);
    const entry = ledger.file(path);
    if (entry?.state !== "sent") return;
    // A newer version may have been sent since: what was delivered is not what stands there.
    if (!this.#mayGo(path)) return;
    let taken: Taken;
    try {
      await ledger.ready();
      // What was read for that, and may have been waited for, may say that a group is to have it again.
      if (!this.#mayGo(path)) return;
      taken = await this.#takeAway(file, entry);
    } catch (error) {
      if (signal.aborted && error instanceof AgentError) return;
      return this.#sayTrouble(path, messageOf(error));
    }
    if (taken.state === "open") return this.#sayTrouble(path, "a program has it open for writing");
    failed.delete(path);
    // What is another version, or gone, is for the next look to find.
    if (taken.state === "other") return;
    if (taken.state !== "gone") return this.#sayReplaced(path, taken);
    if (taken.lookAgainAt) this.#moved.add(file, entry, taken.lookAgainAt);
    const done = taken.target === undefined ? "deleted" : `moved to ${pathToDisplay(taken.target)}`;
    const why = config.afterWhen === "delivered" ? "delivered" : "acknowledged by the brokers";
    log.info(`${name}: ${done}, as it is ${why}`, { path, version: entry.version });
    observer.done(config.after === "move" ? "moved" : "deleted", name);
    try {
      await ledger.put(path, { ...entry, state: "gone" });
    } catch (error) {
      // It is noted by the next full look, or at the next start, which do not find the file.
      if (signal.aborted && error instanceof AgentError) return;
      this.#warnings.warn("note", `${name}: ${done}, but that can't be noted yet: ${messageOf(error)}`);
    }
  }

  /** Whether it is delivered, where that is waited for; else it is waited for as before. */
  #mayGo(path: string): boolean {
    const { config, ledger } = this.#options;
    if (config.afterWhen !== "delivered" || ledger.feedback.receipts.isDelivered(path)) return true;
    this.#waiting.add(path);
    return false;
  }

  #takeAway(file: WatchedFile, entry: FileValue): Promise<Taken> {
    const { config, files } = this.#options;
    const { moveTo } = config;
    if (config.after === "move" && moveTo !== undefined) return moveSource(files, file, entry, moveTo);
    return deleteSource(files, file, entry);
  }

  /** Another program was in between: what was moved is not what was sent, or not any more. */
  #sayReplaced(path: string, taken: Extract<Taken, { state: "putBack" | "misplaced" }>): void {
    const { log, observer } = this.#options.reporting;
    const { failed } = this.#options;
    const name = pathToDisplay(path);
    const what = "it was changed or replaced as it was being moved away";
    if (taken.state === "misplaced") {
      const reason = `${what}, and its name was taken: what was not sent is at ${pathToDisplay(taken.target)} now`;
      log.error(`${name}: ${reason}`, { path });
      observer.failed("failed", name, reason);
      failed.set(path, reason);
    } else this.#warnings.warn("replaced", `${name}: ${what}; it was put back`);
  }

  #sayTrouble(path: string, reason: string): void {
    const { config, failed } = this.#options;
    const said = failed.get(path);
    failed.set(path, reason);
    if (said === reason) return;
    const what = config.after === "move" ? "can't be moved away" : "can't be deleted";
    this.#warnings.warn("after", `${pathToDisplay(path)}: ${what}: ${reason}; tried again at each rescan`);
  }

  #sayFailed({ path, group, version, reason = "no reason given" }: GroupReceipt): void {
    const { observer } = this.#options.reporting;
    const message = `group ${group} could not store version ${version}: ${reason}`;
    this.#warnings.error("unstored", `${pathToDisplay(path)}: ${message}`, { path, version });
    observer.failed("failed", pathToDisplay(path), message);
  }

  /** It will not be delivered as it is. */
  #giveUpWaiting(path: string): void {
    const { failed, discovery } = this.#options;
    if (!this.#waiting.delete(path)) return;
    failed.set(path, "a group could not store it");
    discovery.wake();
  }
}
