/**
 * What would take the place of a newer file: several may send under one name (`wire/filed-under.ts`), and each one's versions are
 * ordered among themselves by its own entries alone. Here they are ordered by number, whoever gave it. Whether the group has a newer one
 * is looked up in the ledger, as nothing in memory is kept of what is settled, but only where another of the name has given higher
 * numbers. One that is only to come takes nothing away: who sent it may be gone with it, and then the older one is all that there is.
 */
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { VersionId } from "../../wire/chunk.ts";
import { filedKey } from "../../wire/filed-under.ts";

/** What was stored lately and may not be noted yet: at most so many files, and so many bytes of their names. */
const maxLately = 10_000;
const maxNameBytes = 4 << 20;

export class Outdated {
  readonly #ledger: GroupLedger;
  /** The newest version of files that were stored lately, where several send under the name. */
  readonly #lately = new BoundedMap<string, number>(maxLately, {
    most: maxNameBytes,
    of: (key) => key.length,
  });

  constructor(ledger: GroupLedger) {
    this.#ledger = ledger;
  }

  /** Those of the versions of whose file the group has a newer version, or is about to. Throws a `KafkaError`. */
  async among(ids: readonly VersionId[]): Promise<ReadonlySet<VersionId>> {
    const { versions } = this.#ledger.state;
    const shared = ids.filter((id) => versions.isShared(id) || this.#lately.get(filedKey(id)) !== undefined);
    if (shared.length === 0) return new Set();
    const newest = new Map<string, number>();
    for (const id of ids) newest.set(filedKey(id), Math.max(id.version, newest.get(filedKey(id)) ?? 0));
    const unsure = shared.filter((id) => versions.mayBeNewerBeside(id));
    const known = new Set(await this.#ledger.findOutdated(unsure));
    const isOlder = (id: VersionId) => {
      const key = filedKey(id);
      const isKnown = known.has(id) || versions.hasNewerUnnoted(id);
      return isKnown || id.version < Math.max(newest.get(key) ?? 0, this.#lately.get(key) ?? 0);
    };
    return new Set(ids.filter(isOlder));
  }

  /** These have their names. */
  stored(ids: readonly VersionId[]): void {
    for (const id of ids) {
      const key = filedKey(id);
      const before = this.#lately.get(key);
      if (before === undefined && !this.#ledger.state.versions.isShared(id)) continue;
      this.#lately.set(key, Math.max(id.version, before ?? 0));
    }
  }
}
