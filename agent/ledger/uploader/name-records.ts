/** Who holds an uploader's name, as the `name` entries say it, one after the other: see docs/protocol.md. */
import type { NameValue } from "../../wire/entry-value.ts";

export interface Holder {
  readonly instance: string;
  readonly host: string;
  readonly process: string | undefined;
  /** The ledger offset of the entry that the name was taken with: what is later in the log is larger. */
  readonly epoch: number;
  /** No version above it was ever given. */
  readonly highest: number;
  readonly isReleased: boolean;
  /** Whether its word is the last since it took the name: no number was given that is not in that. */
  readonly isRenewed: boolean;
}

/** taken: the name has another holder now. renewed: its holder is still there, or releases it. ignored: not a holder's. */
export type NameNews = "taken" | "renewed" | "ignored";

export class NameRecords {
  #holder: Holder | undefined;
  #before: Holder | undefined;

  /** The last one, also after it has given the name back. */
  get holder(): Holder | undefined {
    return this.#holder;
  }

  /** Whom the last one has taken the name from, or got it after. */
  get before(): Holder | undefined {
    return this.#before;
  }

  apply(value: NameValue, offset: number): NameNews {
    const { epoch, after } = value;
    const known = this.#holder;
    if (epoch === undefined) {
      // The first of several that take it from the same holder has it; the log's order decides.
      if (known && !known.isReleased && after !== known.epoch) {
        // 0.1.0 does not say from whom it takes the name, and works under it all the same.
        if (known.instance !== value.instance) this.#holder = { ...known, isRenewed: false };
        return "ignored";
      }
      // A second try of the same one.
      if (known?.instance !== value.instance) this.#before = known;
      this.#holder = holderOf(value, offset);
      return "taken";
    }
    // Not a holder's: epochs are offsets of earlier entries.
    if (epoch >= offset) return "ignored";
    // Of a holder that has lost the name, and does not know it yet.
    if (known && epoch < known.epoch) return "ignored";
    if (known?.epoch === epoch && known.instance !== value.instance) return "ignored";
    if (known?.epoch !== epoch) this.#before = known;
    this.#holder = holderOf(value, epoch);
    // The entry that it was taken with may be compacted away.
    return known && known.epoch !== epoch ? "taken" : "renewed";
  }
}

function holderOf(value: NameValue, epoch: number): Holder {
  const { instance, host, process, highest, state } = value;
  const isRenewed = value.epoch !== undefined;
  return { instance, host, process, epoch, highest, isReleased: state === "released", isRenewed };
}
