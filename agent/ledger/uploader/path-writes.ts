/** Writes of entries: of each path one after the other, in the order in which they were asked for. */
export class PathWrites {
  /** The last write of a path; the next one waits for it. */
  readonly #lastOf = new Map<string, Promise<void>>();
  readonly #underWay = new Set<Promise<void>>();

  /** @param ready waited for between the write before and this one */
  add(path: string, ready: () => Promise<void>, write: () => Promise<void>): Promise<void> {
    const before = this.#lastOf.get(path);
    const turn = async () => {
      await before?.catch(() => undefined);
      await ready();
      const writing = write();
      this.#underWay.add(writing);
      await writing.finally(() => this.#underWay.delete(writing));
    };
    const mine = turn();
    this.#lastOf.set(path, mine);
    const end = () => {
      if (this.#lastOf.get(path) === mine) this.#lastOf.delete(path);
    };
    mine.then(end, end);
    return mine;
  }

  /** Resolves when what is being written is. Those that wait for their turn go on waiting. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
