/**
 * What was sent and never arrived whole, whatever swallowed it: expired retention, a corrupt chunk, a recreated topic, deleted
 * partials, another member's disk. It is found by comparing what the ledger knows as sent with what this member has read past,
 * once a second. It is got back in one order: from the log, then from its uploader by ranges. If neither has it, or its
 * uploader has not answered for `give_up`, it is failed, with the reason.
 *
 * An attempt at a version lives until the version is settled, or another member's: however long it is read, verified or
 * waited for, the log is read for it once, and its uploader is asked a bounded number of times for what it has answered.
 *
 * Elsewhere in this room: `reread-requests.ts` decides what is read again and when, `log-replay.ts` reads it, `beyond-end.ts`
 * finds what was sent to where the log ends before, and `rollback.ts` an output that was rolled back. Nothing is promised in
 * time: what waits for room, for a pause between readings or for an uploader takes as long as it takes, and is said in the
 * status. A version that the ledger does not know as sent is not repaired: its uploader sends it until it is.
 */
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import { nameSome } from "../../ledger/group/ledger-warnings.ts";
import type { Sent } from "../../ledger/group/outstanding.ts";
import { notAnswered } from "../../ledger/group/silence.ts";
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { lengthOf, union } from "../../wire/byte-ranges.ts";
import { mapKey, type VersionId } from "../../wire/chunk.ts";
import { homePartition } from "../../wire/filed-under.ts";
import type { Place } from "../../wire/places.ts";
import type { Admission } from "../place/admission.ts";
import type { Failures } from "../place/failures.ts";
import type { Partials } from "../place/partials.ts";
import type { RejectedRecords } from "../place/rejected-records.ts";
import type { SpreadVersions } from "../place/spread-versions.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import { type Attempt, newAttempt, waitsOf } from "./attempt.ts";
import { BeyondEnd, type Reading } from "./beyond-end.ts";
import type { LedgerWrites } from "./ledger-writes.ts";
import { isOurs } from "./ownership.ts";
import type { RereadRequests } from "./reread-requests.ts";
import { type Kind, UploaderLines } from "./uploader-lines.ts";

/** What is here of the versions. */
export interface VersionsAtHand {
  partials: Pick<Partials, "dropStale" | "giveUp" | "isWhole" | "missingOf" | "needsRoom" | "placedAtMs">;
  room: Pick<Admission, "hasRoomFor">;
  failures: Pick<Failures, "isOwed" | "retry" | "writeOwed">;
  rejected: Pick<RejectedRecords, "isNewer">;
  spread: Pick<SpreadVersions, "pass" | "removeSettled">;
}

export interface RepairOptions {
  ledger: GroupLedger;
  /** For entries that may be refused and are owed then. */
  writes: LedgerWrites;
  reading: Reading;
  rereads: Pick<RereadRequests, "readSent" | "isReading">;
  reporting: Reporting;
  /** An uploader that has not answered for so long: what it owes has failed, until it writes something. */
  giveUpMs: number;
  now(): number;
}

/** What a version that is not settled waits for. */
type State = "elsewhere" | "on its way" | "missing";

const maxAsks = 3;
/** A request without an answer may be lost: an uploader keeps only so many until its next start. */
const repeatMs = 3600_000;
/** An uploader is asked at least so often before it counts as gone. */
const asksBeforeGivingUp = 4;
/** More gaps than this are asked for as one range: a request has to fit a record. */
const maxRanges = 1000;
/** Each is an entry in memory until the brokers have it, with a path that can be long. */
const stepsAtATime = 500;
/** Room is promised for so long to what was asked for and does not come. */
const promiseMs = 60_000;

const readAgain: Kind = { level: "info", others: "are read again from the log" };
const askedFor: Kind = { level: "warn", others: "are asked for" };
const lost: Kind = { level: "error", others: "have failed: see /api/status and the ledger" };

export class Repair {
  readonly #options: RepairOptions;
  readonly #versions: VersionsAtHand;
  readonly #lines: UploaderLines;
  readonly #beyondEnd: BeyondEnd;
  readonly #attempts = new Map<string, Attempt>();
  /** What only waits for room, as of the last check. */
  #waiting: ReadonlySet<string> = new Set();
  /** Partitions that this member had then. */
  #checked: ReadonlySet<number> = new Set();
  #failedCount = 0;

  constructor(options: RepairOptions, versions: VersionsAtHand) {
    this.#options = options;
    this.#versions = versions;
    this.#lines = new UploaderLines(options.reporting.log, options.now);
    this.#beyondEnd = new BeyondEnd(options.reading, options.now);
  }

  /** Versions that are asked for and have not come yet. */
  *needed(): Generator<Sent> {
    for (const sent of this.#missing()) if (this.#attempts.get(mapKey(sent))?.step === "asked") yield sent;
  }

  /** Versions that nobody has any more. */
  get failedCount(): number {
    return this.#failedCount;
  }

  /** Whether something is missing for which not everything was tried that can be tried here, or is not known yet. */
  get isTrying(): boolean {
    // What was sent to partitions that have just come is not looked at yet: a spread file is found to be refused only then.
    const { positions } = this.#options.reading;
    if (positions.keys().some((partition) => !this.#checked.has(partition))) return true;
    for (const sent of this.#missing()) {
      if (this.#waiting.has(mapKey(sent))) continue;
      const attempt = this.#attempts.get(mapKey(sent));
      if (attempt?.id.version !== sent.version || attempt.step !== "asked") return true;
    }
    return false;
  }

  /** What files wait for, as of the last check; for people. */
  waits(): string[] {
    const lines = waitsOf(this.#attempts.values());
    const overflowing = [...this.#options.ledger.state.outstanding.overflowing()];
    if (overflowing.length > 0)
      lines.push(`more files of ${nameSome(overflowing)} are missing than are worked on at a time`);
    return lines;
  }

  /** Takes the next step for each version that is missing. Throws a `KafkaError`. */
  async check(): Promise<void> {
    const { ledger, writes } = this.#options;
    const { partials, room, failures, spread } = this.#versions;
    partials.dropStale();
    spread.removeSettled();
    await failures.writeOwed();
    // What is not known yet is not settled.
    if (!ledger.isComplete) return;
    await this.#beyondEnd.check(ledger.state.unsettled());
    const checked = new Set(this.#options.reading.positions.keys());
    const seen = new Set<string>();
    const steps: (readonly [Sent, Attempt])[] = [];
    const waiting = new Set<string>();
    let promisedBytes = 0;
    for (const sent of [...ledger.state.unsettled()]) {
      const key = mapKey(sent);
      const state = this.#stateOf(sent);
      if (state === "elsewhere") {
        spread.pass(sent);
        continue;
      }
      seen.add(key);
      const known = this.#attempts.get(key);
      if (known) known.wasMissing &&= state === "missing";
      if (state === "on its way") continue;
      const neededBytes = partials.needsRoom(sent);
      if (!(await room.hasRoomFor(sent, neededBytes, promisedBytes))) {
        // Whatever was tried before is to be tried again, once there is room.
        this.#attempts.delete(key);
        waiting.add(key);
        continue;
      }
      const attempt = known?.id.version === sent.version ? known : newAttempt(sent);
      this.#attempts.set(key, attempt);
      if (this.#mayCome(sent, attempt)) promisedBytes += neededBytes;
      // What was read a moment ago may still be on its way to the disk: only what is missing twice is missing.
      if (attempt.wasMissing) steps.push([sent, attempt]);
      attempt.wasMissing = true;
    }
    // Side by side: when the topic was recreated there are thousands.
    await forEachConcurrent(steps, stepsAtATime, ([sent, attempt]) => this.#nextStep(sent, attempt));
    this.#endAttempts(seen);
    this.#waiting = waiting;
    this.#checked = checked;
    this.#lines.flush();
    await this.tidy();
    writes.endRound();
  }

  /**
   * See `GroupLedger.tidy`; each member drops the receipts of those files whose partition it has, and writes the marks of those
   * partitions.
   */
  async tidy(): Promise<void> {
    const { ledger, writes, reading } = this.#options;
    const { positions, topic } = reading;
    // What was in a topic that is no more is shared out by where it was.
    const hasPartition = (partition: number) => positions.has(partition % topic.partitions);
    // Whoever writes the mark of a version drops its receipts, behind that. Of what is known no more anyone may.
    const isToTidy = (id: VersionId) =>
      hasPartition(ledger.state.versions.marks.partitionOf(id) ?? homePartition(id, topic.partitions));
    if (ledger.state.isUntidy) await writes.attempt(() => ledger.tidy(isToTidy, hasPartition));
  }

  /** Writes the counts of lines that were held back. */
  end(): void {
    this.#lines.flush(true);
    this.#options.writes.close();
  }

  #endAttempts(alive: ReadonlySet<string>): void {
    const { ledger, reporting } = this.#options;
    for (const [key, { id, partition, step }] of this.#attempts) {
      if (alive.has(key)) continue;
      this.#attempts.delete(key);
      if (step === "asked" && ledger.state.isDelivered(id, partition))
        reporting.observer.metrics.recovery("needs");
    }
  }

  /** What this member has read past, and has not got whole. */
  *#missing(): Generator<Sent> {
    for (const sent of this.#options.ledger.state.unsettled())
      if (this.#stateOf(sent) === "missing") yield sent;
  }

  #stateOf(sent: Sent): State {
    const { rereads, reading } = this.#options;
    const { partials, failures, rejected } = this.#versions;
    if (!isOurs(sent, reading) || rejected.isNewer(sent)) return "elsewhere";
    const isAhead = sent.topic === reading.topic.id && sent.places.some((place) => this.#isAhead(place));
    return isAhead || partials.isWhole(sent) || failures.isOwed(sent) || rereads.isReading(sent)
      ? "on its way"
      : "missing";
  }

  /** Whether something of a version is still to be read there. */
  #isAhead(place: Place): boolean {
    const position = this.#options.reading.positions.get(place.partition) ?? 0;
    return position <= place.last && this.#beyondEnd.endOf(place) === undefined;
  }

  /** Whether room is to be kept for it: not for what its uploader was asked for and does not send. */
  #mayCome(sent: Sent, attempt: Attempt): boolean {
    return attempt.step !== "asked" || this.#options.now() - this.#heardAtMs(sent, attempt) < promiseMs;
  }

  /** An answer may take days on a slow link; as long as something of it comes, it is on its way. */
  #heardAtMs(sent: Sent, { askedAtMs }: Attempt): number {
    return Math.max(askedAtMs, this.#versions.partials.placedAtMs(sent));
  }

  async #nextStep(sent: Sent, attempt: Attempt): Promise<void> {
    leaveGarbage(garbageOf.stepCharacter * sent.path.length);
    if (attempt.step === "noticed") {
      this.#versions.failures.retry(sent);
      const answer = this.#options.rereads.readSent(sent, (place) => this.#beyondEnd.endOf(place));
      if (answer === "later") return;
      attempt.step = "read";
      if (answer === "reading") {
        const what = `${nameOf(sent)}: not all of it has arrived: it is read again from the log`;
        return this.#lines.say(readAgain, sent.uploader, what, fieldsOf(sent));
      }
    }
    if (sent.gone)
      return this.#fail(sent, "its uploader no longer has it, and the topic does not hold all of it");
    await this.#ask(sent, attempt);
  }

  async #ask(sent: Sent, attempt: Attempt): Promise<void> {
    const { ledger, writes, reporting, now, giveUpMs } = this.#options;
    const ends = sent.places.map(({ partition, last }) => `${partition}@${last}`);
    const place = `${sent.topic} ${ends.join(" ")}`;
    const isAnswered = attempt.askedAt !== place;
    if (attempt.step === "asked" && !isAnswered && (await this.#failUnanswered(sent))) return;
    // Another member may have taken the request back, as far as it knew.
    const patienceMs = Math.min(repeatMs, giveUpMs / asksBeforeGivingUp);
    const mayBeLost =
      now() - this.#heardAtMs(sent, attempt) >= patienceMs || !ledger.state.requests.has(sent);
    if (attempt.step === "asked" && !isAnswered && !mayBeLost) return;
    if (isAnswered && attempt.asks >= maxAsks)
      return this.#fail(sent, `it was asked for ${maxAsks} times and is still not whole`);
    const ranges = union(this.#versions.partials.missingOf(sent), maxRanges);
    if (!(await writes.attempt(() => ledger.writeNeeds(sent, ranges)))) return;
    attempt.step = "asked";
    attempt.askedAt = place;
    attempt.askedAtMs = now();
    if (isAnswered) attempt.asks++;
    const bytes = lengthOf(ranges);
    const what = `${nameOf(sent)}: ${bytes} bytes are not in the log: asking its uploader to send them again`;
    this.#lines.say(askedFor, sent.uploader, what, { ...fieldsOf(sent), bytes });
    reporting.observer.metrics.needs();
  }

  /** Returns whether its uploader has not answered for too long. */
  async #failUnanswered(sent: Sent): Promise<boolean> {
    const silence = this.#options.ledger.silenceOf(sent);
    if (!silence || silence.lastsMs < this.#options.giveUpMs) return false;
    const since = new Date(silence.sinceMs).toISOString();
    await this.#fail(
      sent,
      `${notAnswered} ${since}: its uploader may be gone; what it owes comes back with it`,
    );
    return true;
  }

  async #fail(sent: Sent, reason: string): Promise<void> {
    const { ledger, writes, reporting } = this.#options;
    if (!(await writes.attempt(() => ledger.writeFailed(sent, reason)))) return;
    this.#failedCount++;
    reporting.observer.failed("failed", nameOf(sent), reason);
    this.#lines.say(lost, sent.uploader, `${nameOf(sent)}: failed: ${reason}`, {
      ...fieldsOf(sent),
      attributes: sent.attributes,
    });
    this.#versions.partials.giveUp(sent);
    // If its uploader has it after all, the log may still have most of it.
    this.#attempts.delete(mapKey(sent));
  }
}
