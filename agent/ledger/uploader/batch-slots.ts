/**
 * The slots of the ledger that an uploader's batches stand in, and which of their files still count: a slot in which none does is
 * written over by the next batch, and small ones are put together, so that there are never many more records than it takes.
 *
 * Files are known by the numbers of their paths (`file-entries.ts`), which a batch holds as long as it stands there.
 */

/** A slot of a hold on the uploader's name: only who has that hold writes there. */
export interface Slot {
  readonly epoch: number;
  readonly slot: number;
}

/** A batch as it stands in a slot. */
interface Batch {
  readonly in: Slot;
  readonly files: Uint32Array;
  /** How many of them are noted nowhere later. */
  live: number;
  /** It has something that no start is to find again. */
  isSpoiled: boolean;
}

/** The files of a batch, whether they count or not, and its number. */
export interface StandingBatch {
  readonly id: number;
  readonly files: Uint32Array;
}

/** Batches of about the same size are put together when there are so many of them. */
const manyAlike = 16;
/** Sizes are alike up to this factor. */
const alikeTimes = 8;
/** Of so many files it is large enough to stay as it is. */
const largeFiles = 64;

export class BatchSlots {
  /** By a number of its own, as a slot is used again. */
  readonly #batches = new Map<number, Batch>();
  /** By slot, the number of the batch that stands there. */
  readonly #standing = new Map<string, number>();
  #lastId = 0;
  readonly #letGo: (file: number) => void;

  /** @param letGo told of each file that a batch named which stands there no longer, as often as it named it */
  constructor(letGo: (file: number) => void) {
    this.#letGo = letGo;
  }

  /** A slot of the hold that nothing stands in that counts. */
  free(epoch: number): Slot {
    for (let slot = 0; ; slot++) {
      const standing = this.#batchIn({ epoch, slot });
      if (!standing || standing.live === 0) return { epoch, slot };
    }
  }

  /** A batch stands in the slot from now on. Returns its number, for `leave`; its files have left where they were before. */
  put(slot: Slot, files: readonly number[]): number {
    this.clear(slot);
    const id = ++this.#lastId;
    const batch = { in: slot, files: Uint32Array.from(files), live: files.length, isSpoiled: false };
    this.#batches.set(id, batch);
    this.#standing.set(nameOf(slot), id);
    return id;
  }

  /** The batch that stands in the slot. */
  standing(slot: Slot): StandingBatch | undefined {
    const id = this.#standing.get(nameOf(slot));
    const batch = this.#batchIn(slot);
    return id !== undefined && batch ? { id, files: batch.files } : undefined;
  }

  /** A file that the batch has is noted later, or forgotten. */
  leave(id: number): void {
    const batch = this.#batches.get(id);
    if (batch) batch.live--;
  }

  /** No start is to find a file again that the batch has, and that counts no longer. */
  spoil(id: number): void {
    const batch = this.#batches.get(id);
    if (batch) batch.isSpoiled = true;
  }

  /** Batches that are to go, with what still counts of them. */
  spoiled(): StandingBatch[] {
    const all = [...this.#batches].filter(([, { isSpoiled, live }]) => isSpoiled && live > 0);
    return all.map(([id, { files }]) => ({ id, files }));
  }

  /** Slots in which all that stands counts no longer, and so is to be read by nobody. */
  *dead(): Generator<Slot> {
    for (const batch of this.#batches.values()) if (batch.live === 0) yield batch.in;
  }

  isDead(slot: Slot): boolean {
    return this.#batchIn(slot)?.live === 0;
  }

  /** Nothing stands in the slot. */
  clear(slot: Slot): void {
    const id = this.#standing.get(nameOf(slot));
    const batch = this.#batchIn(slot);
    if (id !== undefined) this.#batches.delete(id);
    this.#standing.delete(nameOf(slot));
    for (const file of batch?.files ?? []) this.#letGo(file);
  }

  /** Nothing stands anywhere: it is another ledger. */
  clearAll(): void {
    const batches = [...this.#batches.values()];
    this.#batches.clear();
    this.#standing.clear();
    for (const { files } of batches) for (const file of files) this.#letGo(file);
  }

  /** Batches to be put together, the smallest first; none while there are few of about the same size, and none is half empty. */
  toPutTogether(): StandingBatch[] {
    const bySize = new Map<number, [number, Batch][]>();
    for (const [id, batch] of this.#batches) {
      if (batch.live >= largeFiles && 2 * batch.live < batch.files.length)
        return [{ id, files: batch.files }];
      if (batch.live === 0 || batch.live >= largeFiles) continue;
      const size = Math.floor(Math.log(batch.live) / Math.log(alikeTimes));
      bySize.set(size, [...(bySize.get(size) ?? []), [id, batch]]);
    }
    for (const many of bySize.values()) {
      if (many.length < manyAlike) continue;
      many.sort(([, a], [, b]) => a.live - b.live);
      return many.map(([id, { files }]) => ({ id, files }));
    }
    return [];
  }

  #batchIn(slot: Slot): Batch | undefined {
    const id = this.#standing.get(nameOf(slot));
    return id === undefined ? undefined : this.#batches.get(id);
  }
}

function nameOf({ epoch, slot }: Slot): string {
  return `${epoch}/${slot}`;
}
