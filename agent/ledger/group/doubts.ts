/**
 * Whether what uploaders say was read of the ledger that it is taken for. A topic that is deleted and made again goes on under its name, and an
 * agent reads from the new one before it learns of that. In there may be what was on its way to the old one: whoever takes it for the old one,
 * which had more, takes what is missing for dead, and would say for good that it is settled.
 *
 * So that is only said of what was read before the brokers were asked for the topic's id, and it was the same.
 */
import type { Announced } from "./announced.ts";

export class Doubts {
  #doubted = new Set<Announced>();

  /** Whether something was read since the brokers were asked. */
  get any(): boolean {
    return this.#doubted.size > 0;
  }

  /** Before an uploader is heard. */
  note(announced: Announced): void {
    announced.doubt();
    this.#doubted.add(announced);
  }

  /** @param isSame asks the brokers whether the ledger is the one that was read until now */
  async settle(isSame: () => Promise<boolean>): Promise<void> {
    const asked = this.#doubted;
    this.#doubted = new Set();
    for (const announced of asked) announced.ask();
    let isSo = false;
    try {
      isSo = await isSame();
    } finally {
      for (const announced of asked) {
        announced.answered(isSo, !this.#doubted.has(announced));
        if (!isSo) this.#doubted.add(announced);
      }
    }
  }
}
