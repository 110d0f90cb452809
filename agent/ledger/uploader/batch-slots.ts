/**
 * The slots of the ledger that an uploader's batches stand in, and which of their files still count: a slot in which none does is
 * written over by the next batch, and small ones are put together, so that there are never many more records than it takes.
 */

/** A slot of a hold on the uploader's name: only who has that hold writes there. */
export interface Slot {
  readonly epoch: number;
  readonly slot: number;
}

/** A batch as it stands in a slot. */
interface Batch {
  readonly in: Slot;
  readonly paths: readonly string[];
  /** How many of them are noted nowhere later. */
  live: number;
  /** It has something that no start is to find again. */
  isSpoiled: boolean;
}

/** The paths of a batch, whether they count or not, and its number. */
export interface StandingBatch {
  readonly id: number;
  readonly paths: readonly string[];
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

  /** A slot of the hold that nothing stands in that counts. */
  free(epoch: number): Slot {
    for (let slot = 0; ; slot++) {
      const standing = this.#batchIn({ epoch, slot });
      if (!standing || standing.live === 0) return { epoch, slot };
    }
  }

  /** A batch stands in the slot from now on. Returns its number, for `leave`; its files have left where they were before. */
  put(slot: Slot, paths: readonly string[]): number {
    this.clear(slot);
    const id = ++this.#lastId;
    this.#batches.set(id, { in: slot, paths, live: paths.length, isSpoiled: false });
    this.#standing.set(nameOf(slot), id);
    return id;
  }

  /** The batch that stands in the slot. */
  standing(slot: Slot): StandingBatch | undefined {
    const id = this.#standing.get(nameOf(slot));
    const batch = this.#batchIn(slot);
    return id !== undefined && batch ? { id, paths: batch.paths } : undefined;
  }

  /** A file that the batch has is noted later, or forgotten. */
  leave(id: number): void {
    const batch = this.#batches.get(id);
    if (batch) batch.live--;
  }

  /** Paths that stand in more than one slot: without the newest of them, a start would take an older one for it. */
  inSeveral(): ReadonlySet<string> {
    const [once, again] = [new Set<string>(), new Set<string>()];
    for (const { paths } of this.#batches.values())
      for (const path of paths) (once.has(path) ? again : once).add(path);
    return again;
  }

  /** No start is to find a file again that the batch has, and that counts no longer. */
  spoil(id: number): void {
    const batch = this.#batches.get(id);
    if (batch) batch.isSpoiled = true;
  }

  /** Batches that are to go, with what still counts of them. */
  spoiled(): StandingBatch[] {
    const all = [...this.#batches].filter(([, { isSpoiled, live }]) => isSpoiled && live > 0);
    return all.map(([id, { paths }]) => ({ id, paths }));
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
    if (id !== undefined) this.#batches.delete(id);
    this.#standing.delete(nameOf(slot));
  }

  /** Nothing stands anywhere: it is another ledger. */
  clearAll(): void {
    this.#batches.clear();
    this.#standing.clear();
  }

  /** Batches to be put together, the smallest first; none while there are few of about the same size, and none is half empty. */
  toPutTogether(): StandingBatch[] {
    const bySize = new Map<number, [number, Batch][]>();
    for (const [id, batch] of this.#batches) {
      if (batch.live >= largeFiles && 2 * batch.live < batch.paths.length)
        return [{ id, paths: batch.paths }];
      if (batch.live === 0 || batch.live >= largeFiles) continue;
      const size = Math.floor(Math.log(batch.live) / Math.log(alikeTimes));
      bySize.set(size, [...(bySize.get(size) ?? []), [id, batch]]);
    }
    for (const many of bySize.values()) {
      if (many.length < manyAlike) continue;
      many.sort(([, a], [, b]) => a.live - b.live);
      return many.map(([id, { paths }]) => ({ id, paths }));
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
