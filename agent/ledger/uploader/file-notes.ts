/**
 * Noting the states of an uploader's files: in the ledger, and then in what is known here. The writes of a path come one after the
 * other; each waits until the ledger can be written and the name is known to be held.
 */
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import type { Log } from "../../observe/log.ts";
import { type FileValue, wasSentWhole } from "../../wire/entry-value.ts";
import { limits } from "../../wire/limits.ts";
import { pathToDisplay } from "../../wire/path.ts";
import type { Feedback } from "./feedback.ts";
import type { FileBatches } from "./file-batches.ts";
import type { NameClaim } from "./name-claim.ts";
import type { OwnPartition } from "./own-partition.ts";
import { PathWrites } from "./path-writes.ts";
import type { UploaderState } from "./uploader-state.ts";
import { VoidVersionError } from "./void-version-error.ts";

/** Files that are noted side by side in a ledger that was recreated. */
const writtenAtATime = 1000;

export interface FileNotesOptions {
  batches: FileBatches;
  partition: Pick<OwnPartition, "position">;
  name: NameClaim;
  state: UploaderState;
  feedback: Feedback;
  log: Log;
  /** See `UploaderLedger.ready`. */
  ready: () => Promise<void>;
}

export class FileNotes {
  readonly #options: FileNotesOptions;
  readonly #writes = new PathWrites();
  /** Numbers up to this one that were given here are void: another agent may have given higher ones since. */
  #voidTo = 0;

  constructor(options: FileNotesOptions) {
    this.#options = options;
  }

  /** See `UploaderLedger.put`. */
  put(path: string, value: FileValue): Promise<void> {
    return this.#inTurn(path, async () => {
      if (!this.#isVoid(path, value.version)) await this.#writeNewest(path, value);
    });
  }

  /** See `UploaderLedger.putStored`. */
  putStored(path: string, value: FileValue): Promise<void> {
    return this.#inTurn(path, () => this.#writeNewest(path, value));
  }

  /** See `UploaderLedger.putOwn`. */
  putOwn(path: string, value: FileValue): Promise<void> {
    return this.#inTurn(path, () => {
      this.requireValid(path, value.version);
      return this.#write(path, value);
    });
  }

  /** Throws a `VoidVersionError` when a version that was numbered here is void; what the ledger has of the path is not. */
  requireValid(path: string, version: number): void {
    if (this.#isVoid(path, version)) throw new VoidVersionError();
  }

  /** Resolves when what is being written is. Those that wait for their turn go on waiting. */
  settled(): Promise<void> {
    return this.#writes.settled();
  }

  /** See `UploaderLedger.forget`. */
  forget(path: string): Promise<void> {
    const { state, feedback } = this.#options;
    return this.#inTurn(path, async () => {
      const before = this.#file(path);
      // It may be back by now.
      if (before?.state !== "gone") return;
      const isLost = !feedback.receipts.isSettled(path) && before.checksum !== undefined;
      if (isLost) this.#logLost(path, before.version, "its file has been gone for long");
      // It is said once.
      state.forget(path, isLost);
    });
  }

  /** Another agent may have had the name, and have known better: the next look finds what is there, as if for the first time. */
  forgetAll(): void {
    const { state, name, log } = this.#options;
    const paths = [...state.files.paths()];
    this.#voidTo = name.versions.highest;
    for (const path of paths) state.forget(path);
    state.open.clear();
    log.warn(
      `what is known of ${paths.length} files is forgotten: another agent may have had the name meanwhile; what is there is sent again`,
    );
  }

  /**
   * Writes what is known, as far as it is still so, to a ledger that was recreated. What nobody is known to have, and was sent to a
   * log that was deleted, is forgotten: the next look finds its file. So is what a group has a newer version of, which was not
   * noted: nobody is to get the older one back. Throws a `NameTakenError`, and see `Ledger.write`.
   *
   * @param chunksId of the topic of the chunks as it is now
   */
  async writeAgain(chunksId: string): Promise<void> {
    const { name, state, log } = this.#options;
    const paths = [...state.files.paths()];
    const left = paths.filter((path) => this.#isStillSo(path, chunksId));
    log.info(
      `the ledger is written anew: ${left.length} entries, ${paths.length - left.length} files are sent again`,
    );
    const write = async (path: string) => {
      name.throwIfTaken();
      const entry = this.#file(path);
      if (entry) await this.#write(path, { ...entry, answered: undefined }, true);
    };
    // Until the last one is written, whoever reads it is to take none of them for dead.
    state.open.beginWritingAgain(lowestOf(left, (path) => this.#file(path)?.version));
    await forEachConcurrent(left.slice(0, -1), writtenAtATime, write);
    state.open.endWritingAgain();
    for (const last of left.slice(-1)) await write(last);
  }

  /** Whether what is known of the path can be written again; else it is forgotten. */
  #isStillSo(path: string, chunksId: string): boolean {
    const { state, feedback } = this.#options;
    const entry = this.#file(path);
    if (!entry) return false;
    const isOld = (feedback.deliveredUnnoted(path)?.version ?? 0) > entry.version;
    const isThere = entry.topic === chunksId || feedback.receipts.isDeliveredToAll(path);
    const isOver = entry.state === "gone" || entry.state === "abandoned";
    if (entry.state === "gone" && !isThere && !isOld && entry.checksum !== undefined)
      this.#logLost(path, entry.version, "its file is gone, and so is the log that it was sent to");
    const isSo = (isThere || isOver) && !isOld;
    if (!isSo) state.forget(path);
    return isSo;
  }

  #isVoid(path: string, version: number): boolean {
    return version <= this.#voidTo && this.#file(path)?.version !== version;
  }

  async #writeNewest(path: string, value: FileValue): Promise<void> {
    if ((this.#file(path)?.version ?? 0) <= value.version) await this.#write(path, value);
  }

  #inTurn(path: string, write: () => Promise<void>): Promise<void> {
    return this.#writes.add(path, this.#options.ready, write);
  }

  #file(path: string): FileValue | undefined {
    return this.#options.state.files.get(path);
  }

  /** @param isNew whether it is news, whatever was noted before */
  async #write(path: string, given: FileValue, isNew = false): Promise<void> {
    const { batches, partition, name } = this.#options;
    const before = isNew ? undefined : this.#file(path);
    const value = { ...given, ...historyOf(before, given) };
    // A request of a ledger that was deleted: its offset would pass over those of this one.
    if ((value.answered ?? -1) >= partition.position) delete value.answered;
    if (value.state === "gone") value.since ??= Math.max(0, Math.floor(name.versions.nowMs));
    else delete value.since;
    await batches.note({ path, ...value });
  }

  /** A version is forgotten of which nobody can tell whether everybody has it. */
  #logLost(path: string, version: number, why: string): void {
    const message = `version ${version} is forgotten: ${why}, and not everybody has said to have it`;
    this.#options.log.error(`${pathToDisplay(path)}: ${message}`, { path, version });
  }
}

function lowestOf(paths: Iterable<string>, versionOf: (path: string) => number | undefined): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const path of paths) lowest = Math.min(lowest, versionOf(path) ?? lowest);
  return lowest;
}

/** Since which ledger offset the version is noted as sent whole where it is (undefined: it is news), and where it was before. */
function historyOf(before: FileValue | undefined, now: FileValue): Pick<FileValue, "at" | "was"> {
  if (!before || !wasSentWhole(before) || before.version !== now.version)
    return { at: undefined, was: undefined };
  const { topic, partition, offset, at, was } = before;
  if (topic === now.topic && partition === now.partition) return { at, was };
  const left = at === undefined ? [] : [{ topic, partition, offset, at }];
  return { at: undefined, was: [...(was ?? []), ...left].slice(-limits.was) };
}
