/**
 * Test files in the first watch, for trying a pipeline out: random bytes behind a line that says what they are. A few names in turn, so
 * that neither the watch nor a destination fills up, whoever forgets the setting. Only what begins with that line is ever replaced.
 */
import { randomFillSync } from "node:crypto";
import type { UploaderConfig } from "../config/config.ts";
import { testFileNames } from "../config/test-file-names.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { timeNow } from "../lib/clock.ts";
import type { Disk, DiskFile } from "../lib/disk.ts";
import { messageOf } from "../lib/errors.ts";
import type { FileCalls, FileState } from "../lib/files-below.ts";
import { pause } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { RareWarnings } from "../observe/rare-warnings.ts";
import { fingerprintOfState, sameSizeAndTime } from "./access/fingerprint.ts";

export interface TestFilesOptions {
  settings: NonNullable<UploaderConfig["testFile"]>;
  watch: UploaderConfig["watch"][number];
  disk: Pick<Disk, "open" | "look" | "remove" | "freeBytes">;
  /** What is in the watch is only read, as the uploader does that: opened for writing it would look like a file that is being written. */
  files: Pick<FileCalls, "open" | "read" | "close">;
  ledger: Pick<UploaderLedger, "file">;
  log: Log;
}

const title = "streamsend-agent test file";
const titleBytes = Buffer.from(title);
const atATime = 256 << 10;
/** Beside what is written there has to be room for others, bytes. */
const leftFree = 64 << 20;
const everyonesMode = 0o644;

/** Why none was written, for people. */
class NotNow extends Error {}

export class TestFiles {
  readonly #options: TestFilesOptions;
  readonly #warnings: RareWarnings;

  constructor(options: TestFilesOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.log);
  }

  /** Writes one at each interval from now on, until the signal fires. */
  async keepWriting(signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(this.#options.settings.everyMs, signal);
      if (signal.aborted) return;
      await this.write();
    }
  }

  /** Writes the next one, or warns that it can't be. */
  async write(): Promise<void> {
    const { log, settings } = this.#options;
    try {
      const name = await this.#nextName();
      await this.#replace(name);
      log.debug(`${name}: a test file of ${settings.bytes} bytes was written`);
    } catch (error) {
      this.#warnings.warn("test-file", `no test file was written: ${messageOf(error)}`);
    }
  }

  /** One that is not there, else the oldest. Those that are on their way stay as they are. */
  async #nextName(): Promise<string> {
    let oldest: { name: string; mtime: bigint } | undefined;
    for (const name of testFileNames) {
      if (!(await this.#options.disk.look(this.#pathOf(name)))) return name;
      const found = await this.#lookInto(name);
      if (!found?.isOurs) throw new NotNow(`${this.#pathOf(name)} is somebody else's`);
      const { mtime } = found.state;
      if (this.#isSent(name, found.state) && mtime < (oldest?.mtime ?? mtime + 1n)) oldest = { name, mtime };
    }
    if (!oldest) throw new NotNow("those before are still to be sent");
    return oldest.name;
  }

  /** Whether it was sent as it stands there: also one that is not noticed yet to be another one since. */
  #isSent(name: string, state: FileState): boolean {
    const { ledger, watch } = this.#options;
    const entry = ledger.file(watch.as === "" ? name : `${watch.as}/${name}`);
    return entry?.state === "sent" && sameSizeAndTime(entry, fingerprintOfState(state));
  }

  /** Whether it begins as ours do, as far as it goes; undefined: it is no file. */
  async #lookInto(name: string): Promise<{ isOurs: boolean; state: FileState } | undefined> {
    const { files, watch } = this.#options;
    const place = { root: Buffer.from(watch.path), relative: Buffer.from(name) };
    const opened = await files.open(place, 0, true);
    if (!opened) return undefined;
    const { fd, state } = opened;
    // An empty one has nothing to be read, and what another program keeps from being opened is left as it is for now.
    if (fd === undefined) return { isOurs: true, state };
    try {
      const begin = Buffer.alloc(titleBytes.length);
      const length = await files.read(fd, begin, 0, begin.length, 0);
      return { isOurs: titleBytes.subarray(0, length).equals(begin.subarray(0, length)), state };
    } finally {
      await files.close(fd);
    }
  }

  async #replace(name: string): Promise<void> {
    const { disk, watch, settings } = this.#options;
    const path = this.#pathOf(name);
    await disk.remove(path);
    if ((await disk.freeBytes(watch.path)) < settings.bytes + leftFree)
      throw new NotNow(`there is not enough room in ${watch.path}`);
    const file = await disk.open(path, true);
    try {
      await this.#fill(file, name);
      await file.chmod(everyonesMode);
    } catch (error) {
      await disk.remove(path);
      throw error;
    } finally {
      await file.close();
    }
  }

  async #fill(file: DiskFile, name: string): Promise<void> {
    const { bytes } = this.#options.settings;
    const buffer = Buffer.allocUnsafe(Math.min(bytes, atATime));
    const head = Buffer.from(`${title} ${name}, ${timeNow()}\n`);
    for (let at = 0; at < bytes; at += buffer.length) {
      randomFillSync(buffer);
      if (at === 0) head.copy(buffer);
      await file.write(buffer.subarray(0, bytes - at), at);
    }
  }

  #pathOf(name: string): string {
    return `${this.#options.watch.path}/${name}`;
  }
}
