/**
 * What was sent and never arrived whole, whatever swallowed it: expired retention, a corrupt chunk, a topic made again,
 * deleted partials, another member's disk. Found by comparing what the ledger knows as sent with what this member has
 * read past; got back in one order: from the log, then from its uploader by ranges, and if neither has it, it is
 * failed, with the reason.
 */
import type { GroupLedger } from "../ledger/group-ledger.ts";
import type { Sent } from "../ledger/unsettled.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import { union } from "../wire/byte-ranges.ts";
import { chunkKey, type VersionId } from "../wire/chunk.ts";
import { partitionOf } from "../wire/numbers.ts";
import type { Assembly } from "./assembly.ts";
import type { Recoveries } from "./recoveries.ts";
import { fieldsOf, nameOf } from "./version-text.ts";

type AssemblyToRepair = Pick<
  Assembly,
  | "dropStale"
  | "giveUp"
  | "hasRoomFor"
  | "isNewer"
  | "isWhole"
  | "missingOf"
  | "needsRoom"
  | "placedAtMs"
  | "retry"
>;

export interface RepairOptions {
  ledger: GroupLedger;
  assembly: AssemblyToRepair;
  recoveries: Pick<Recoveries, "begin" | "isReading">;
  topic: { readonly id: string; readonly partitions: number };
  /** The next offset to read, of each partition that this member has. */
  positions: ReadonlyMap<number, number>;
  log: Log;
  observer: Observer;
  /** The monotonic clock, milliseconds. */
  now(): number;
}

/** How far the repair of one version has come. */
interface Attempt {
  id: VersionId;
  step: "noticed" | "read" | "asked";
  asks: number;
  /** Where the version was when it was asked for; the answer is elsewhere. */
  askedAt: string;
  /** By the monotonic clock. */
  askedAtMs: number;
}

const maxAsks = 3;
/** A request without an answer may have got lost: an uploader remembers only so many until its next start. */
const repeatMs = 3600_000;
/** More gaps than this are asked for as one range: a request has to fit a record. */
const maxRanges = 1000;

export class Repair {
  readonly #options: RepairOptions;
  readonly #attempts = new Map<string, Attempt>();
  /** What only waits for room, as of the last look. */
  #waiting: ReadonlySet<string> = new Set();
  #failedCount = 0;

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  /** Versions that are asked for and have not come yet. */
  *needed(): Generator<Sent> {
    for (const sent of this.#missing()) if (this.#attempts.get(chunkKey(sent))?.step === "asked") yield sent;
  }

  /** Versions that nobody has any more. */
  get failedCount(): number {
    return this.#failedCount;
  }

  /** Whether something is missing for which not everything was tried that can be tried here. */
  get isTrying(): boolean {
    for (const sent of this.#missing()) {
      if (this.#waiting.has(chunkKey(sent))) continue;
      const attempt = this.#attempts.get(chunkKey(sent));
      if (attempt?.id.version !== sent.version || attempt.step !== "asked") return true;
    }
    return false;
  }

  /** Takes the next step for each version that is missing. Throws a `KafkaError`. */
  async check(): Promise<void> {
    const { ledger, assembly, observer } = this.#options;
    assembly.dropStale();
    // What is not known yet is not settled.
    if (!ledger.isComplete) return;
    const seen = new Set<string>();
    const steps: Promise<void>[] = [];
    const waiting = new Set<string>();
    let promisedBytes = 0;
    for (const sent of [...this.#missing()]) {
      const key = chunkKey(sent);
      seen.add(key);
      const neededBytes = assembly.needsRoom(sent);
      if (!(await assembly.hasRoomFor(sent, neededBytes, promisedBytes))) {
        // Whatever was tried before is to be tried again, once there is room.
        this.#attempts.delete(key);
        waiting.add(key);
        continue;
      }
      promisedBytes += neededBytes;
      const known = this.#attempts.get(key);
      const attempt: Attempt =
        known?.id.version === sent.version
          ? known
          : { id: sent, step: "noticed", asks: 0, askedAt: "", askedAtMs: 0 };
      this.#attempts.set(key, attempt);
      // What was read a moment ago may still be on its way to the disk: only what is missing twice is missing.
      if (attempt === known) steps.push(this.#goOn(sent, attempt));
    }
    // Side by side: of a topic that was made again there are thousands.
    await Promise.all(steps);
    for (const [key, { id, step }] of this.#attempts) {
      if (seen.has(key)) continue;
      this.#attempts.delete(key);
      if (step === "asked" && (ledger.newestDelivered(id) ?? 0) >= id.version)
        observer.metrics.recovery("needs");
    }
    this.#waiting = waiting;
    await this.tidy();
  }

  /** See `GroupLedger.tidy`; each member drops the receipts of those files whose partition it has. */
  async tidy(): Promise<void> {
    const { ledger, positions, topic } = this.#options;
    await ledger.tidy((id) => positions.has(partitionOf(chunkKey(id), topic.partitions)));
  }

  /** What this member has read past, and has not got whole. */
  *#missing(): Generator<Sent> {
    const { ledger, assembly, recoveries } = this.#options;
    for (const sent of ledger.unsettled()) {
      if (this.#isAhead(sent) || assembly.isWhole(sent) || assembly.isNewer(sent)) continue;
      if (!recoveries.isReading(sent)) yield sent;
    }
  }

  /** Whether it is still to be read, or another member's business. */
  #isAhead({ topic: topicId, partition, offset }: Sent): boolean {
    const { topic, positions } = this.#options;
    const isOfThisTopic = topicId === topic.id;
    // What was in a topic that is no more is shared out by where it was.
    const position = positions.get(isOfThisTopic ? partition : partition % topic.partitions);
    return position === undefined || (isOfThisTopic && position <= offset);
  }

  async #goOn(sent: Sent, attempt: Attempt): Promise<void> {
    const { assembly, ledger, log, observer, now } = this.#options;
    const name = nameOf(sent);
    if (attempt.step === "noticed") {
      attempt.step = "read";
      assembly.retry(sent);
      if (this.#readAgain(sent)) {
        observer.metrics.recovery("log");
        log.info(`${name}: not all of it has arrived: it is read again from the log`, fieldsOf(sent));
        return;
      }
    }
    const place = `${sent.topic} ${sent.partition}@${sent.offset}`;
    if (sent.gone)
      return this.#fail(sent, "its uploader no longer has it, and the topic does not hold all of it");
    const isAnswered = attempt.askedAt !== place;
    // An answer may take days on a slow link; as long as something of it comes, it is on its way.
    const heardAtMs = Math.max(attempt.askedAtMs, assembly.placedAtMs(sent));
    // Another member may have taken the request back, as far as it knew.
    const mayBeLost = now() - heardAtMs >= repeatMs || !ledger.isAsked(sent);
    if (attempt.step === "asked" && !isAnswered && !mayBeLost) return;
    if (isAnswered && attempt.asks >= maxAsks)
      return this.#fail(sent, `it was asked for ${maxAsks} times and is still not whole`);
    const ranges = union(assembly.missingOf(sent), maxRanges);
    attempt.step = "asked";
    attempt.askedAt = place;
    attempt.askedAtMs = now();
    if (isAnswered) attempt.asks++;
    const bytes = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
    log.warn(`${name}: ${bytes} bytes are not in the log: asking its uploader to send them again`, {
      ...fieldsOf(sent),
      bytes,
    });
    observer.metrics.needs();
    await ledger.writeNeeds(sent, ranges);
  }

  #readAgain(sent: Sent): boolean {
    const { recoveries, topic } = this.#options;
    const { partition, offset } = sent;
    if (sent.topic !== topic.id) return false;
    const from = sent.from?.offsets.find((one) => one.partition === partition)?.offset ?? offset;
    return recoveries.begin({ id: sent, parts: [{ partition, from, until: offset + 1 }] });
  }

  async #fail(sent: Sent, reason: string): Promise<void> {
    const { assembly, ledger, log, observer } = this.#options;
    this.#failedCount++;
    observer.failed("failed", nameOf(sent), reason);
    log.error(`${nameOf(sent)}: failed: ${reason}`, fieldsOf(sent));
    assembly.giveUp(sent);
    await ledger.writeFailed(sent, reason);
  }
}
