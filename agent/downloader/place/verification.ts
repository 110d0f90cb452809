/** Whether a complete version is what its uploader read. What is not is kept aside, and is never published. */
import type { Log } from "../../observe/log.ts";
import { chunkKey } from "../../wire/chunk.ts";
import type { Partial } from "../store/partial.ts";
import type { Store } from "../store/store.ts";
import { fieldsOf, nameOf } from "../version-label.ts";

/** So often a version may fail until it is given up. */
const maxTries = 3;
/** So many files' tries are remembered. */
const maxFiles = 1000;

export class Verification {
  readonly #store: Store;
  readonly #log: Log;
  readonly #tries = new Map<string, { version: number; count: number }>();

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /**
   * Quarantines a version that is not what its uploader read. Returns whether it is given up; else it is to be fetched
   * again. Throws what the file system throws.
   */
  async refuse(partial: Partial, problem: string): Promise<boolean> {
    const place = await this.#store.quarantine(partial);
    const tries = this.#countTry(partial);
    const next = tries < maxTries ? "it is fetched again" : `given up after ${maxTries} tries`;
    const kept = place === undefined ? "too large to be kept" : `kept as ${place}`;
    this.#log.error(
      `${nameOf(partial.id)}: verification failed: ${problem}; never published, ${kept}; ${next}`,
      fieldsOf(partial.id),
    );
    return tries >= maxTries;
  }

  #countTry({ id }: Partial): number {
    const key = chunkKey(id);
    const known = this.#tries.get(key);
    const count = known?.version === id.version ? known.count + 1 : 1;
    this.#tries.delete(key);
    const [oldest] = this.#tries.keys();
    if (this.#tries.size >= maxFiles && oldest !== undefined) this.#tries.delete(oldest);
    this.#tries.set(key, { version: id.version, count });
    return count;
  }
}
