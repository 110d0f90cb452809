/** What has changed since the last durable point, for the next one to make durable. */
import type { Partial } from "../store/partial.ts";

/** A complete and verified version. */
export interface Finished {
  partial: Partial;
  checksum: string;
}

/** All of it up to one moment. */
export interface Changed {
  finished: Finished[];
  changed: Partial[];
  dropped: Partial[];
}

export class Changes {
  #finished: Finished[] = [];
  #changed = new Set<Partial>();
  #dropped: Partial[] = [];
  /** Files that are to be removed, and are still there. */
  readonly #dropping = new Set<string>();
  #placedBytes = 0;

  get any(): boolean {
    return this.#finished.length + this.#changed.size + this.#dropped.length > 0;
  }

  /** Versions that were given up, and are still on the disk. */
  get droppedCount(): number {
    return this.#dropped.length;
  }

  /** Verified versions that wait for the durable point. */
  get finishedCount(): number {
    return this.#finished.length;
  }

  /** Whether there are changes of versions of which something is missing. */
  get hasUnfinished(): boolean {
    return this.#changed.values().some(({ complete }) => !complete);
  }

  get placedBytes(): number {
    return this.#placedBytes;
  }

  /** Bytes of the version are on their way to the disk. */
  placing(bytes: number): void {
    this.#placedBytes += bytes;
  }

  placed(partial: Partial): void {
    this.#changed.add(partial);
  }

  finished(version: Finished): void {
    this.#finished.push(version);
  }

  /** The partial is elsewhere: nothing of it is to be made durable. */
  discard(partial: Partial): void {
    this.#changed.delete(partial);
    this.#finished = this.#finished.filter((finished) => finished.partial !== partial);
  }

  /** The partial is to be removed. */
  dropped(partial: Partial): void {
    this.discard(partial);
    this.#dropped.push(partial);
    this.#dropping.add(partial.file);
  }

  /** Whether a file of this name is still to be removed. */
  isDropping({ file }: Partial): boolean {
    return this.#dropping.has(file);
  }

  removed(partials: readonly Partial[]): void {
    for (const { file } of partials) this.#dropping.delete(file);
  }

  /** Only the verified versions since the last call. */
  drainFinished(): Finished[] {
    const finished = this.#finished;
    for (const { partial } of finished) this.#changed.delete(partial);
    this.#finished = [];
    return finished;
  }

  /** All since the last call. */
  drain(): Changed {
    const drained = { finished: this.#finished, changed: [...this.#changed], dropped: this.#dropped };
    this.#finished = [];
    this.#changed = new Set();
    this.#dropped = [];
    this.#placedBytes = 0;
    return drained;
  }
}
