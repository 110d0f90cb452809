/**
 * Whether a file that was seen is to be sent, and whether it stands still by now. What is known, left alone or refused is
 * remembered by its mark, so that the next look passes over it. Whether somebody still has it open for writing is asked
 * once it is opened (`send/send-file.ts`).
 */
import type { SeenNumbers } from "../../ledger/uploader/file-rows.ts";
import type { PathKey } from "../../ledger/uploader/path-key.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { pathProblem, pathToDisplay } from "../../wire/path.ts";
import {
  type Fingerprint,
  fingerprintOf,
  numbersProblem,
  sameFingerprint,
  sameSizeAndTime,
} from "../access/fingerprint.ts";
import { stillCounts } from "../access/still-counts.ts";
import type { WatchedFile } from "../access/watch.ts";
import type { UploadOptions } from "../upload-options.ts";
import type { Discovered } from "./discovered.ts";
import type { Mark } from "./look.ts";
import { cameTooOld, isTooOld } from "./max-age.ts";
import type { Sighting } from "./scan.ts";
import { SeenFiles } from "./seen-files.ts";
import { Settling } from "./settling.ts";

export type ReadinessOptions = Pick<UploadOptions, "config" | "ledger" | "reporting" | "run">;

/** How a file was found. */
export interface Circumstances {
  /** It was there before anybody looked. */
  wasThere: boolean;
  /** Something happened to its content, whatever its size and times say. */
  touched: boolean;
}

/** More are settling than these, and of the rest only marks are kept: a full look finds them again. */
const mostSettling = 10_000;
/** With `--once` a file that does not stand still must not keep the others' exit code for ever: it is waited for so often. */
const mostChangesOnce = 10;
/** More refused ones than this are said again when they change. */
const mostRefused = 10_000;

export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #nowMs: () => number;
  /** Whether what was sent is looked at one by one: to be taken away, or as its attributes count. */
  readonly #judgesSent: boolean;
  readonly settling: Settling;
  readonly #seen = new SeenFiles();
  /** Files that can't be sent as they are, and why. */
  readonly #refused = new BoundedMap<string, string>(mostRefused);
  /** Those of which only marks are kept, as the last full look found them, and when all of them have had their time. */
  #later = 0;
  #laterMs = Number.POSITIVE_INFINITY;

  constructor(options: ReadinessOptions, nowMs: () => number = () => performance.now()) {
    this.#options = options;
    this.#nowMs = nowMs;
    const { after, watch } = options.config;
    this.#judgesSent = after !== "keep" || watch.some(({ named }) => named !== undefined);
    this.settling = new Settling(options.config.settleMs, nowMs);
  }

  /** Files that are to be looked at by another full look, and when. */
  get later(): { count: number; atMs: number } {
    return { count: this.#later, atMs: this.#laterMs };
  }

  beginLook(): void {
    this.#seen.beginLook();
    this.#later = 0;
    this.#laterMs = Number.POSITIVE_INFINITY;
  }

  /** @param complete whether all that is there was seen */
  endLook(complete: boolean): void {
    this.#seen.endLook(complete);
  }

  /**
   * Whether nothing is to be done with a file, as it stands, by its marks.
   *
   * @param isSent whether the ledger still has it as sent, asked where that matters
   */
  passes(all: Mark, content: Mark, isSent: () => boolean): "sent" | "passed" | undefined {
    const verdict = this.#seen.get(all);
    if (verdict === "passed") return "passed";
    if (verdict === "sent") return isSent() ? "sent" : undefined;
    return this.#seen.get(content) === "left" ? "passed" : undefined;
  }

  /**
   * Whether the ledger has a file as sent just as it was seen: told by the numbers, before any more is made of it.
   *
   * @param look the number of the one that has seen it, which is noted then
   */
  isSentAs(path: PathKey, seen: SeenNumbers, look: number): boolean {
    if (this.#judgesSent || !this.#options.ledger.isSentAs(path, seen, look)) return false;
    if (this.settling.size + this.#refused.size === 0) return true;
    const { text } = path;
    this.settling.forget(text);
    this.#refused.delete(text);
    return true;
  }

  /** It was sent as it was found: looks pass over it from now on, as long as the ledger has it so. */
  sent(found: Sighting): void {
    this.#isSent(found, fingerprintOf(found.stats));
  }

  /** It is none that the watch wants. */
  unwanted(all: Mark): void {
    this.#seen.set(all, "passed");
  }

  /**
   * What to do with it now; undefined: it is to be left alone, or to be looked at again later. If it is to be sent and not yet, it
   * is noted as settling.
   */
  judge(found: Sighting, circumstances: Circumstances): Discovered | undefined {
    const { file, stats, all, content } = found;
    const problem = pathProblem(file.path);
    const reason = problem === undefined ? numbersProblem(stats) : `its path ${problem}`;
    if (reason !== undefined) {
      this.settling.forget(file.path);
      this.#seen.set(all, "passed");
      return this.#refuse(file, reason);
    }
    this.#refused.delete(file.path);
    const fingerprint = fingerprintOf(stats);
    if (circumstances.touched) {
      this.settling.touched(file.path);
      this.#seen.delete(content);
    }
    const isSent = this.#isSent(found, fingerprint);
    if (isSent || this.#isLeftAlone(found, fingerprint, circumstances.wasThere)) {
      this.settling.forget(file.path);
      if (!isSent) return undefined;
      return { kind: circumstances.touched ? "doubted" : "sent", file };
    }
    return this.#judgeUnsent(found, fingerprint);
  }

  #judgeUnsent(found: Sighting, fingerprint: Fingerprint): Discovered | undefined {
    const { file, content } = found;
    const { path } = file;
    if (this.settling.size >= mostSettling && !this.settling.has(path))
      return this.#isStillByMark(content) ? { kind: "ready", found } : undefined;
    if (this.settling.isStill(file, fingerprint)) return { kind: "ready", found };
    if (!this.#options.run.once || this.settling.changes(path) < mostChangesOnce) return undefined;
    this.settling.forget(path);
    return this.#refuse(file, "it was written to again and again, and did not stand still");
  }

  #isSent({ file, all }: Sighting, fingerprint: Fingerprint): boolean {
    const { ledger } = this.#options;
    const entry = ledger.file(file.path);
    if (entry?.state !== "sent" || !sameFingerprint(entry, fingerprint)) return false;
    if (!stillCounts(file, entry, ledger)) return false;
    if (!this.#judgesSent) this.#seen.set(all, "sent");
    return true;
  }

  /** Decided once for each state of a file: what is left alone is not sent because time goes by, nor the other way round. */
  #isLeftAlone({ file, content }: Sighting, fingerprint: Fingerprint, wasThere: boolean): boolean {
    if (this.#seen.get(content) === "left") return true;
    if (!this.#isNoneOfOurs(file, fingerprint, wasThere)) return false;
    this.#seen.set(content, "left");
    return true;
  }

  #isNoneOfOurs(file: WatchedFile, fingerprint: Fingerprint, wasThere: boolean): boolean {
    const { ledger, config } = this.#options;
    if (wasThere && !config.existing && !ledger.file(file.path)) return true;
    const isOld = wasThere
      ? isTooOld(fingerprint, config.maxAgeMs, ledger.brokersNowMs)
      : cameTooOld(fingerprint, config.maxAgeMs);
    return isOld && !this.#isTakenUp(file, fingerprint);
  }

  /**
   * Whether it is a version that was taken up, and is to be brought to its end, however old it is by now: it was begun, and is
   * to be finished or given up; or it was sent, and only looks different; or it was noted as gone, and is there again just as it was.
   */
  #isTakenUp(file: WatchedFile, fingerprint: Fingerprint): boolean {
    const entry = this.#options.ledger.file(file.path);
    if (entry?.state === "sending") return true;
    if (entry?.checksum === undefined) return false;
    return entry.state === "sent" ? sameSizeAndTime(entry, fingerprint) : sameFingerprint(entry, fingerprint);
  }

  #isStillByMark(content: Mark): boolean {
    const { settleMs } = this.#options.config;
    // Half seconds: a file waits longer by that much, not less.
    const now = Math.ceil(this.#nowMs() / 500) >>> 0;
    if (this.#seen.get(content) === "waiting" && (now - this.#seen.time - 1) * 500 >= settleMs) return true;
    if (this.#seen.get(content) !== "waiting") this.#seen.set(content, "waiting", now);
    this.#later++;
    this.#laterMs = this.#nowMs() + settleMs + 1000;
    return false;
  }

  #refuse(file: WatchedFile, reason: string): Discovered | undefined {
    const { path } = file;
    if (this.#refused.get(path) === reason) return undefined;
    this.#refused.set(path, reason);
    const name = pathToDisplay(path);
    this.#options.reporting.log.error(`${name}: can't be sent: ${reason}`);
    this.#options.reporting.observer.failed("refused", name, reason);
    return { kind: "refused", file, reason };
  }
}
