/** Whether a complete version is what its uploader read. What is not is kept aside, and is never published. */
import type { DownloaderConfig } from "../../config/config.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Log } from "../../observe/log.ts";
import { chunkKey } from "../../wire/chunk.ts";
import { type Partial, UnreadableError } from "../store/partial.ts";
import type { Store } from "../store/store.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import type { Changes } from "./changes.ts";
import type { Partials } from "./partials.ts";

export interface VerificationOptions {
  config: DownloaderConfig;
  store: Store;
  log: Log;
  partials: Partials;
  changes: Changes;
  /** The version is unrecoverable, whoever sends it again. */
  fail(partial: Partial, reason: string): Promise<void>;
}

/** A version is given up when it has failed so often. */
const maxTries = 3;
/** The tries of at most so many files are kept. */
const maxFiles = 1000;

export class Verification {
  readonly #options: VerificationOptions;
  readonly #tries = new BoundedMap<string, { version: number; count: number }>(maxFiles);

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  /**
   * Has a complete version published, or fetched again, or fails it. Runs beside everything else: after a restart the whole
   * of a large file is read again for its checksum. Throws what the file system throws.
   */
  async verify(partial: Partial): Promise<void> {
    const { config, partials, changes, fail } = this.#options;
    let problem: string;
    try {
      const checksum = await partial.computedChecksum();
      if (!partials.has(partial)) return;
      if (checksum === partial.checksum) {
        await partial.prepare(config);
        if (partials.has(partial)) changes.finished({ partial, checksum });
        return;
      }
      problem = `its ${checksum} is not the uploader's ${partial.checksum}`;
    } catch (error) {
      // It was superseded, and its file removed, while it was read.
      if (!partials.has(partial)) return;
      // The disk does not give back this one file: the others go on.
      if (!(error instanceof UnreadableError)) throw error;
      problem = error.message;
    }
    const isLastTry = await this.#refuse(partial, problem);
    changes.discard(partial);
    // Only now: a chunk that comes again begins a new partial, of the same name.
    partials.remove(partial);
    if (isLastTry) await fail(partial, problem);
  }

  /** Quarantines the version. Returns whether it is given up; else it is to be fetched again. */
  async #refuse(partial: Partial, problem: string): Promise<boolean> {
    const place = await this.#options.store.quarantine(partial);
    const tries = this.#countTry(partial);
    const next = tries < maxTries ? "it is fetched again" : `given up after ${maxTries} tries`;
    const kept = place === undefined ? "too large to be kept" : `kept as ${place}`;
    this.#options.log.error(
      `${nameOf(partial.id)}: verification failed: ${problem}; never published, ${kept}; ${next}`,
      fieldsOf(partial.id),
    );
    return tries >= maxTries;
  }

  #countTry({ id }: Partial): number {
    const known = this.#tries.get(chunkKey(id));
    const count = known?.version === id.version ? known.count + 1 : 1;
    this.#tries.set(chunkKey(id), { version: id.version, count });
    return count;
  }
}
