/**
 * Test files in the first watch, for trying a pipeline out: random bytes behind a line that says what they are. A few names in turn, so
 * that neither the watch nor a destination fills up, whoever forgets the setting. Only what begins with that line is ever replaced.
 */
import { randomFillSync } from "node:crypto";
import type { UploaderConfig } from "../config/config.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { timeNow } from "../lib/clock.ts";
import type { Disk, DiskFile } from "../lib/disk.ts";
import { messageOf } from "../lib/errors.ts";
import { pause } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { RareWarnings } from "../observe/rare-warnings.ts";

export interface TestFilesOptions {
  settings: NonNullable<UploaderConfig["testFile"]>;
  watch: UploaderConfig["watch"][number];
  disk: Pick<Disk, "open" | "look" | "remove" | "freeBytes">;
  ledger: Pick<UploaderLedger, "isSent">;
  log: Log;
}

const names = Array.from({ length: 10 }, (_, at) => `streamsend-test-${at + 1}.bin`);
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
    const { disk, ledger, watch } = this.#options;
    const free: { name: string; changedMs: number }[] = [];
    for (const name of names) {
      const found = await disk.look(this.#pathOf(name));
      if (!found) return name;
      if (found.kind !== "file" || !(await this.#isOurs(name)))
        throw new NotNow(`${this.#pathOf(name)} is somebody else's`);
      const path = watch.as === "" ? name : `${watch.as}/${name}`;
      if (ledger.isSent(path)) free.push({ name, changedMs: found.changedMs });
    }
    const [oldest] = free.sort((a, b) => a.changedMs - b.changedMs);
    if (!oldest) throw new NotNow("those before are still to be sent");
    return oldest.name;
  }

  async #isOurs(name: string): Promise<boolean> {
    const file = await this.#options.disk.open(this.#pathOf(name), false);
    try {
      const begin = Buffer.alloc(titleBytes.length);
      const length = await file.read(begin, begin.length, 0);
      return titleBytes.subarray(0, length).equals(begin.subarray(0, length));
    } finally {
      await file.close();
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
