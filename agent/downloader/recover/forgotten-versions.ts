/**
 * Unfinished versions of uploaders that were forgotten: nobody misses the rest of them, nobody is asked for it, and they would keep
 * their room until the topic has let go of their chunks. What is in the log by then may still be to be read, though: such a version is given up
 * only once it was, and is not whole.
 */
import type { Group } from "../../kafka/group.ts";
import type { SentVersions } from "../../ledger/group/sent-versions.ts";
import type { Log } from "../../observe/log.ts";
import { mapKey, type VersionId } from "../../wire/chunk.ts";
import type { Partials } from "../place/partials.ts";
import { fieldsOf, nameOf } from "../version-label.ts";

export interface ForgottenOptions {
  versions: Pick<SentVersions, "isForgotten">;
  partials: {
    readonly unfinished: Iterable<{ readonly id: VersionId }>;
  } & Pick<Partials, "giveUp" | "isWhole">;
  rereads: { isReading(id: VersionId): boolean };
  group: Pick<Group, "bounds" | "reachedEnd">;
  /** The next offset to read, of each partition that this member has. */
  positions: ReadonlyMap<number, number>;
  log: Pick<Log, "info">;
}

/** A version that was found to be forgotten, and where the log ended after that, by partition. */
interface Found {
  version: number;
  ends: ReadonlyMap<number, number>;
}

export class ForgottenVersions {
  readonly #options: ForgottenOptions;
  /** By file. */
  #found: ReadonlyMap<string, Found> = new Map();

  constructor(options: ForgottenOptions) {
    this.#options = options;
  }

  /** Gives up what nothing comes of any more. Throws a `KafkaError`. */
  async check(): Promise<void> {
    const { versions, partials, log } = this.#options;
    const found = new Map<string, Found>();
    let ends: Promise<ReadonlyMap<number, number>> | undefined;
    for (const { id } of [...partials.unfinished]) {
      if (!versions.isForgotten(id)) continue;
      const known = this.#found.get(mapKey(id));
      if (known?.version !== id.version) {
        // Asked after it was known: what was sent before its uploader was forgotten is in the log by then.
        ends ??= this.#askForEnds();
        found.set(mapKey(id), { version: id.version, ends: await ends });
      } else if (this.#mayCome(id, known.ends)) found.set(mapKey(id), known);
      else {
        log.info(`${nameOf(id)}: given up: its uploader was forgotten, or has forgotten it`, fieldsOf(id));
        partials.giveUp(id);
      }
    }
    this.#found = found;
  }

  #mayCome(id: VersionId, ends: ReadonlyMap<number, number>): boolean {
    const { partials, rereads, group, positions } = this.#options;
    if (partials.isWhole(id) || rereads.isReading(id)) return true;
    return [...ends].some(([partition, end]) => {
      const position = positions.get(partition);
      // Behind the last record there may be more of the log than that.
      return position !== undefined && Math.max(position, group.reachedEnd(partition) ?? 0) < end;
    });
  }

  async #askForEnds(): Promise<ReadonlyMap<number, number>> {
    const { group, positions } = this.#options;
    const ends = new Map<number, number>();
    for (const partition of positions.keys()) ends.set(partition, (await group.bounds(partition)).high);
    return ends;
  }
}
