import { deviceNowMs } from "../lib/clock.ts";

/** What goes wrong at present and is tried again until it works; `retry` notes it, /readyz and the status tell of it. */
export interface Trouble {
  /** What is being tried. */
  readonly what: string;
  /** Why it does not work, as of the last try. */
  reason: string;
  readonly since: Date;
}

export class Troubles {
  readonly #open = new Set<Trouble>();

  /** The oldest first. */
  get open(): ReadonlySet<Trouble> {
    return this.#open;
  }

  begin(what: string, reason: string): Trouble {
    const trouble = { what, reason, since: new Date(deviceNowMs()) };
    this.#open.add(trouble);
    return trouble;
  }

  /** It is over. Ending it once more does nothing. */
  end(trouble: Trouble): void {
    this.#open.delete(trouble);
  }
}
