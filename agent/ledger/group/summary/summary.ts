/**
 * A summary of the ledger beside the output: what a group's downloader knew of it, and how far it had read. A start goes on from there,
 * and reads only what is new. It is a cache: whatever is wrong with it, all of the ledger is read.
 *
 * A start that goes on from somewhere must see all that came behind that: also what was taken out since, and what was cut off. Compaction
 * takes out tombstones once `delete.retention.ms` is over, by the brokers' clock; nobody would ever hear of them. So the summary is good
 *
 *   - if no offset is missing behind its positions: then nothing was taken out, whatever time it is, and was meanwhile
 *   - or if it is not older than half of that time. The device's clock says nothing of that: the time since the machine was started does
 *     (of another boot it is not known), and what the brokers' clock says of the newest record
 *   - and in either case only if the log was not cut off: if it still has these positions, and what is before them is of the same leader
 *     and the same moment
 *   - and nobody has taken out since what the group has, or where it began (`forget`): who knew it better would say it again
 *
 * Who has read on later than that, as the machine slept or the brokers were away, may have missed something as well: it stores none.
 *
 * Not noticed is a brokers' clock that was set ahead for a while, so that something was taken out early, and back again.
 */
import type { Position } from "../../../kafka/log-reader.ts";
import { messageOf } from "../../../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../../../lib/garbage.ts";
import type { Log } from "../../../observe/log.ts";
import { RareWarnings } from "../../../observe/rare-warnings.ts";
import { type Entry, isToldApart, keyOf } from "../../../wire/entry.ts";
import type { PositionedLog, PositionedReader } from "../../ledger.ts";
import { allPartitions, requireSame } from "../../read-whole.ts";
import { toldForMs } from "../../resumption.ts";
import type { GroupState } from "../group-state.ts";
import type { SummaryFile } from "./summary-file.ts";
import { decodeSummary, encodeSummary, type Place, type Subject, UnusableError } from "./summary-format.ts";

/** A clock that nobody sets, and since when it runs: `boot` is another one after each start of the machine. */
export interface UpTime {
  readonly boot: string | undefined;
  /** Milliseconds. */
  upMs(): number;
}

export interface SummaryOptions {
  file: SummaryFile;
  /** Of the agent. */
  version: string;
  upTime: UpTime;
  log: Log;
}

/** What a start goes on with. */
export interface Resumed {
  state: GroupState;
  reader: PositionedReader;
  /** Entries that were new. */
  count: number;
  place: Pick<Place, "sinceWholeMs" | "wholeMs">;
  /** At this moment, by `UpTime`, nothing was left to be read. */
  upToDateAtMs: number;
}

/** What is known of a ledger, and how far it was read for that. */
export interface Snapshot {
  ledgerId: string;
  partitions: number;
  group: string;
  state: GroupState;
  place: Omit<Place, "boot">;
}

export class LedgerSummary {
  readonly #options: SummaryOptions;
  readonly #warnings: RareWarnings;

  constructor(options: SummaryOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.log);
  }

  /** See `UpTime`. */
  get upMs(): () => number {
    const { upTime } = this.#options;
    return () => upTime.upMs();
  }

  /** Goes on from it, up to where the ledger ends now; `undefined`: all of it is to be read. Throws a `KafkaError`. */
  async resume(group: string, log: PositionedLog, now: () => number): Promise<Resumed | undefined> {
    try {
      const found = await this.#find(group, log, now);
      return found && (await this.#readOn(found, log));
    } catch (error) {
      if (!(error instanceof UnusableError)) throw error;
      this.#options.log.info(
        `the summary of the ledger is of no use, all of the ledger is read: ${error.message}`,
      );
      return undefined;
    }
  }

  /** Puts it in place of the one that was there. Returns whether that was done; if not, it is said now and then. */
  async save({ place, state, ...subject }: Snapshot): Promise<boolean> {
    const { file, version, upTime } = this.#options;
    if (!isToldApart(subject.ledgerId)) return false;
    const pieces = encodeSummary({ version, ...subject }, { ...place, boot: upTime.boot }, state);
    try {
      await file.write(pieces);
      return true;
    } catch (error) {
      this.#warnings.warn(
        "summary",
        `the summary of the ledger can't be stored, a start would read all of it: ${messageOf(error)}`,
      );
      return false;
    } finally {
      leaveGarbage(pieces.reduce((sum, piece) => sum + piece.length, garbageOf.note));
    }
  }

  async #find(
    group: string,
    { id: ledgerId, partitions }: PositionedLog,
    now: () => number,
  ): Promise<{ place: Place; state: GroupState } | undefined> {
    const { file, version } = this.#options;
    const bytes = await file.read().catch((error: unknown) => {
      throw new UnusableError(messageOf(error));
    });
    if (!bytes || !isToldApart(ledgerId)) return undefined;
    leaveGarbage(bytes.length);
    const subject: Subject = { version, ledgerId, partitions, group };
    return decodeSummary(bytes, subject, now);
  }

  async #readOn({ place, state }: { place: Place; state: GroupState }, log: PositionedLog): Promise<Resumed> {
    const { id } = log;
    const upToDateAtMs = this.#options.upTime.upMs();
    const isBehind = async ({ partition, offset }: Position) => (await log.endOf(partition)) < offset;
    if ((await Promise.all(place.positions.map(isBehind))).includes(true))
      throw new UnusableError("the end of the ledger was cut off since");
    const reader = await log.open(allPartitions(log), { from: place.positions });
    try {
      let count = 0;
      let hasGaps = false;
      while (!reader.caughtUp) {
        requireSame(log, id);
        for (const logged of await reader.read()) {
          if (isForgetting(logged.entry, state))
            throw new UnusableError("what it tells of was forgotten since");
          state.apply(logged);
          count++;
        }
        if (reader.wasCut) throw new UnusableError("the end of the ledger was cut off since");
        hasGaps ||= reader.takeGaps?.() !== false;
        // Each time: a later record may be the first to tell how old it is.
        if (hasGaps) this.#requireYoung(place, state, log);
      }
      this.#options.log.info(
        `went on from the summary of the ledger: ${count} ${count === 1 ? "entry is" : "entries are"} new`,
      );
      return { state, reader, count, place, upToDateAtMs };
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  /** Throws an `UnusableError` if what was taken out since may not be told any more. */
  #requireYoung(place: Place, state: GroupState, log: PositionedLog): void {
    const mostMs = toldForMs(log);
    const { boot, upMs } = this.#options.upTime;
    const ageMs = upMs() - place.upMs;
    const isOfThisBoot = boot !== undefined && boot === place.boot && ageMs >= 0;
    if (isOfThisBoot && ageMs <= mostMs && state.silence.latestMs - place.brokersMs <= mostMs) return;
    throw new UnusableError("it may be too old: something was taken out of the ledger since");
  }
}

/** Whether somebody has taken out what no group does itself, where it began or what it has of an uploader; or it has begun anew since. */
function isForgetting(entry: Entry, { group, start }: GroupState): boolean {
  const key = keyOf(entry);
  if ((key.kind !== "done" && key.kind !== "start") || key.group !== group) return false;
  if (entry.kind === "tombstone") return true;
  // What it has written itself may be read only now.
  return entry.kind === "start" && start.value !== undefined && entry.time !== start.value.time;
}
