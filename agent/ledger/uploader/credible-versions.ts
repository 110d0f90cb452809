/** Which version numbers in entries about an uploader are believed: none that nothing could follow. */
import type { Log } from "../../observe/log.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { Entry } from "../../wire/entry.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { BrokerTime } from "./version-clock.ts";

export class CredibleVersions {
  readonly #brokerTime = new BrokerTime();
  readonly #warnings: RareWarnings;

  constructor(log: Log) {
    this.#warnings = new RareWarnings(log);
  }

  /** The brokers have appended something at this time, milliseconds since 1970. */
  noteTime(timestampMs: number): void {
    this.#brokerTime.note(timestampMs);
  }

  /** @param where of a path's, or another place, for people */
  has(version: number, where: string): boolean {
    if (this.#brokerTime.isPlausible(version)) return true;
    this.#warnings.warn(
      "version",
      `an entry of the ledger has the impossible version ${version} (${pathToDisplay(where)}): it is ignored`,
    );
    return false;
  }

  /** What a name's entry says when its number is not believed: all but that. */
  ofName(entry: Entry): Entry {
    return entry.kind === "name" && !this.has(entry.highest, "its name") ? { ...entry, highest: 0 } : entry;
  }
}
