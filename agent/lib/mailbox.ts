import { Waker } from "./waker.ts";

/** Any time does: whatever is put ends the wait. */
const idleMs = 3600_000;

/**
 * What one part tells another that may be busy. Each item has a name, and takes the place of one of that name which nobody
 * has taken yet: so there are no more than names.
 */
export class Mailbox<Item> {
  readonly #items = new Map<string, Item>();
  readonly #waker = new Waker();

  put(name: string, item: Item): void {
    this.#items.set(name, item);
    this.#waker.wake();
  }

  /** Takes each as it comes, for one reader; when the signal fires, what there is by then. */
  async *takeAll(signal: AbortSignal): AsyncGenerator<Item> {
    for (;;) {
      // Also those that are put meanwhile.
      for (const [name, item] of this.#items) {
        this.#items.delete(name);
        yield item;
      }
      if (signal.aborted) return;
      await this.#waker.wait(idleMs, signal);
    }
  }
}
