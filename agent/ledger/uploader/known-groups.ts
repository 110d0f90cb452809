/**
 * Groups that an uploader knows: those that its settings name, and the first ones of which it has read a receipt that fits
 * what it has sent. Each of them has a share of its own of what is bounded. All others have one together: whoever may write
 * the ledger can make up any number of names.
 */

/** The share of all groups that are not known. No group has this name. */
export const othersShare = "";

/** A bit of a receipt's number each, and one for the others. */
const maxKnown = 15;

export class KnownGroups {
  readonly #at = new Map<string, number>();

  constructor(named: readonly string[]) {
    for (const group of named) this.add(group);
  }

  /** The group has a file as it was sent. */
  add(group: string): void {
    if (this.#at.size < maxKnown && !this.#at.has(group)) this.#at.set(group, this.#at.size);
  }

  /** Which one it is, counted from 0: the same as long as this is; all that are not known are the last one. */
  indexOf(group: string): number {
    return this.#at.get(group) ?? maxKnown;
  }

  /** Whose share the group's requests count for. */
  shareOf(group: string): string {
    return this.#at.has(group) ? group : othersShare;
  }
}
