import { BoundedMap } from "./bounded-map.ts";
import { deviceNowMs } from "./clock.ts";

/** What goes wrong at present and is tried again until it works; `retry` notes it, /readyz and the status tell of it. */
export interface Trouble {
  /** What is being tried. */
  readonly what: string;
  /** Why it does not work, as of the last try. */
  reason: string;
  readonly since: Date;
}

/** One's part in a trouble that several have at once. */
export interface TroublePart {
  readonly reason: string;
  /** Nobody has had it, nor had it a moment ago: it is to be said. */
  readonly isFirst: boolean;
  /** It is over for this one. Ending it once more does nothing. */
  end(): void;
}

/** One that is over and there again so soon is the same one: with several clients one may have got through meanwhile. */
const sameMs = 60_000;
/** More than these are said again. */
const maxEnded = 100;

export class Troubles {
  readonly #open = new Set<Trouble>();
  /** Those that are shared, and by how many. */
  readonly #shared = new Map<string, { trouble: Trouble; sharers: number }>();
  /** When those that were shared were over, by the monotonic clock. */
  readonly #endedMs = new BoundedMap<string, number>(maxEnded);
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

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

  /** Begins a trouble that others may have too, several clients of one broker: it is one, and over with the last of them. */
  share(what: string, reason: string): TroublePart {
    const key = `${what}: ${reason}`;
    const before = this.#shared.get(key);
    const endedMs = this.#endedMs.get(key);
    const isAgain = endedMs !== undefined && this.#nowMs() - endedMs < sameMs;
    const entry = before ?? { trouble: this.begin(what, reason), sharers: 0 };
    this.#shared.set(key, entry);
    entry.sharers++;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      if (--entry.sharers > 0) return;
      this.#shared.delete(key);
      this.#endedMs.set(key, this.#nowMs());
      this.end(entry.trouble);
    };
    return { reason, isFirst: before === undefined && !isAgain, end };
  }
}
