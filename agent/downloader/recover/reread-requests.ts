/**
 * Which versions are read again from the log, and when. There are two reasons: a version whose beginning this member has not read
 * (a rebalance, deleted partials, a chunk that was corrupt) while it may still be under way, by the word of its own chunks;
 * and one that the ledger says was sent and that is not here. Each has a pace of its own (`replay-pace.ts`): whoever may
 * write chunks only must not hold up what the ledger knows as sent. What has to wait at the first is read later; what does
 * not fit among those is read once the ledger says that it was sent.
 */
import type { Sent } from "../../ledger/group/outstanding.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { isSpread, type Place } from "../../wire/places.ts";
import type { Partial } from "../store/partial.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import type { LogReplay, Reason, Wanted } from "./log-replay.ts";
import { ReplayPace } from "./replay-pace.ts";
import { type Kind, UploaderLines } from "./uploader-lines.ts";

export interface RereadRequestsOptions {
  replay: Pick<LogReplay, "request" | "isReading">;
  topicId: string;
  reporting: Reporting;
  now(): number;
}

/** What became of a request to read a version again. */
export type Answer = "reading" | "later" | "nowhere";

const maxPostponed = 1000;
const missingHere: Kind = {
  level: "info",
  others: "whose beginning is missing here are read again from the log",
};

export class RereadRequests {
  readonly #options: RereadRequestsOptions;
  readonly #paces: Readonly<Record<Reason, ReplayPace>>;
  readonly #lines: UploaderLines;
  readonly #postponed = new Map<string, { partial: Partial; wanted: Wanted }>();

  constructor(options: RereadRequestsOptions) {
    this.#options = options;
    this.#lines = new UploaderLines(options.reporting.log, options.now);
    this.#paces = { gap: new ReplayPace(options.now), sent: new ReplayPace(options.now) };
  }

  /** For `LogReplay`: a reading of these versions begins. */
  began(batch: Iterable<Wanted>): void {
    for (const [reason, uploaders] of byReason(batch, () => false))
      this.#paces[reason].began(uploaders.keys());
  }

  /** For `LogReplay`: a reading of these versions is over. @param brought files of which something was missing, and came */
  ended(batch: Iterable<Wanted>, brought: ReadonlySet<string>, tookMs: number): void {
    for (const [reason, uploaders] of byReason(batch, ({ id }) => brought.has(chunkKey(id)))) {
      const results = [...uploaders].map(([uploader, any]) => ({ uploader, brought: any }));
      this.#paces[reason].ended(results, tookMs);
    }
  }

  /** Reads what of an unfinished version came before `until` (an offset, a partition) and is not here. */
  readGap(partial: Partial, until: ReadonlyMap<number, number>): void {
    const { topicId } = this.#options;
    // Of another topic nothing can be read; once the version is sent whole, its uploader is asked.
    if (!partial.from || partial.from.topic !== topicId) return;
    // What is missing of one that is spread may be in another partition, and only not have come yet.
    if (isSpread(partial.from, topicId)) return;
    const parts = partial.from.offsets.map(({ partition, offset }) => ({
      partition,
      from: offset,
      until: until.get(partition) ?? 0,
    }));
    const wanted: Wanted = { id: partial.id, parts, reason: "gap" };
    if (this.#request(wanted) === "later") this.#postpone(partial, wanted);
  }

  /**
   * Reads a version again that was sent, and read past.
   *
   * @param endOf where the log of a place's partition ends, if that is before what was sent there
   */
  readSent(sent: Sent, endOf: (place: Place) => number | undefined): Answer {
    if (sent.topic !== this.#options.topicId) return "nowhere";
    const parts = sent.places.map((place) => {
      const { partition, from, last } = place;
      return { partition, from, until: Math.min(last + 1, endOf(place) ?? Number.POSITIVE_INFINITY) };
    });
    return this.#request({ id: sent, parts, reason: "sent" });
  }

  isReading(id: VersionId): boolean {
    return this.#options.replay.isReading(id);
  }

  /** Requests what had to wait, if it still has a hole. @param isUnfinished whether the version is still being put together */
  resume(isUnfinished: (partial: Partial) => boolean): void {
    this.#lines.flush();
    for (const [key, { partial, wanted }] of [...this.#postponed]) {
      if (isUnfinished(partial) && partial.hasHole && this.#request(wanted) === "later") continue;
      this.#postponed.delete(key);
    }
  }

  /** Writes the counts of lines that were held back. */
  end(): void {
    this.#lines.flush(true);
  }

  #request(wanted: Wanted): Answer {
    const { replay, reporting } = this.#options;
    const { id, reason } = wanted;
    if (replay.isReading(id)) return "reading";
    if (!this.#paces[reason].mayRead(id.uploader)) return "later";
    if (!replay.request(wanted)) return "nowhere";
    reporting.observer.metrics.recovery("log");
    if (reason === "gap") {
      const what = `${nameOf(id)}: what is missing here is read again from the log`;
      this.#lines.say(missingHere, id.uploader, what, fieldsOf(id));
    }
    return "reading";
  }

  #postpone(partial: Partial, wanted: Wanted): void {
    const key = chunkKey(partial.id);
    if (this.#postponed.size < maxPostponed || this.#postponed.has(key))
      this.#postponed.set(key, { partial, wanted });
  }
}

/** By reason and uploader, whether any of its versions is one. */
function byReason(
  batch: Iterable<Wanted>,
  isOne: (wanted: Wanted) => boolean,
): Map<Reason, Map<string, boolean>> {
  const reasons = new Map<Reason, Map<string, boolean>>();
  for (const wanted of batch) {
    const uploaders = reasons.getOrInsertComputed(wanted.reason, () => new Map());
    const { uploader } = wanted.id;
    uploaders.set(uploader, uploaders.get(uploader) === true || isOne(wanted));
  }
  return reasons;
}
