/**
 * What an uploader knows of the ledger, entry by entry: the newest entry of each of its files, what groups say of them
 * (`feedback.ts`), and who has its name (`name-claim.ts`).
 */
import { VersionIndex } from "../../lib/version-index.ts";
import type { Log } from "../../observe/log.ts";
import { type DoneEntry, type Entry, type FilesEntry, keyOf } from "../../wire/entry.ts";
import { type EarlyFile, type FileValue, type NotedFile, wasSentWhole } from "../../wire/entry-value.ts";
import { filedUnder, isBeside } from "../../wire/filed-under.ts";
import { inThisLog } from "../../wire/mark.ts";
import type { LoggedEntry } from "../ledger.ts";
import { BatchSlots, type Slot } from "./batch-slots.ts";
import { CredibleVersions } from "./credible-versions.ts";
import type { Feedback } from "./feedback.ts";
import type { FileEntries } from "./file-entries.ts";
import type { NameClaim } from "./name-claim.ts";
import { OpenVersions } from "./open-versions.ts";

export class UploaderState {
  readonly files: FileEntries;
  /** Where in the ledger those are. */
  readonly slots = new BatchSlots((file) => this.files.letGo(file));
  readonly open = new OpenVersions();
  /** Until the name is claimed another agent may write the files' entries. */
  isLoading = true;
  readonly #uploader: string;
  readonly #feedback: Feedback;
  readonly #name: NameClaim;
  readonly #credible: CredibleVersions;
  /** What others that file under the same name have sent last of each path: where this one works beside that name, and until it has claimed its own. */
  readonly #others: VersionIndex | undefined;

  constructor(uploader: string, files: FileEntries, feedback: Feedback, name: NameClaim, log: Log) {
    this.#uploader = uploader;
    this.files = files;
    this.#feedback = feedback;
    this.#name = name;
    this.#credible = new CredibleVersions(log);
    this.#others = isBeside(uploader) ? new VersionIndex() : undefined;
  }

  /** Whether another one has sent a newer version of the path, under the name that this one works beside. */
  isOvertaken(path: string, version: number): boolean {
    return (this.#others?.get(path) ?? 0) > version;
  }

  /** The ledger has this batch in that slot, at this offset: from now on it is so. */
  noteBatch(slot: Slot, files: readonly NotedFile[], offset: number): void {
    // Held before what stood there lets go: the same path keeps its number.
    const numbers = files.map(({ path }) => this.files.hold(path));
    const batch = this.slots.put(slot, numbers);
    for (const file of files)
      this.#note(file.path, file.at === undefined ? { ...file, at: offset } : file, batch);
  }

  /** Nothing is known of the path any more. @param forGood whether no start is to find it again */
  forget(path: string, forGood = false): void {
    const batch = this.files.batchOf(path);
    if (forGood && batch !== undefined) this.slots.spoil(batch);
    this.#note(path, undefined, 0);
  }

  /** The ledger is read from its beginning. */
  beginReading(): void {
    this.slots.clearAll();
  }

  #note(path: string, value: FileValue | undefined, batch: number): void {
    const before = this.files.versionOf(path);
    const left = this.files.batchOf(path);
    if (left !== undefined) this.slots.leave(left);
    if (before !== undefined && before !== value?.version) this.#feedback.leaveVersion(path);
    this.files.set(path, value, batch);
    if (value) this.#name.versions.note(value.version);
    if (value?.state === "sending") this.open.open(path, value.version);
    else if (value) this.open.close(path, value.version);
    this.#feedback.noteEntry(path, value);
  }

  /** Applies an entry as it is read. One with a version that nothing could follow is ignored. */
  apply({ entry, offset, timestampMs }: LoggedEntry): void {
    this.#credible.noteTime(timestampMs);
    const key = keyOf(entry);
    if (!("uploader" in key)) return;
    if (key.uploader !== this.#uploader) this.#applyOther(entry);
    else if (key.kind === "files")
      this.#applyFiles(key, entry.kind === "files" ? entry : undefined, offset, timestampMs);
    else if (key.kind === "name" || key.kind === "claim")
      this.#name.apply(this.#credible.ofName(entry), offset);
    else if (entry.kind === "done") this.#applyMark(entry, offset);
    else if (key.kind === "done") this.#feedback.apply(entry, offset);
    else if (this.#credible.has(key.version, `${key.kind} of ${key.path}`)) {
      this.#feedback.apply(entry, offset);
      if (entry.kind === "failed") this.#name.versions.note(entry.version);
    }
  }

  /** Who files under the same name: what is sent here from now on is newer than what it has sent. */
  #applyOther(entry: Entry): void {
    if (entry.kind !== "name" && entry.kind !== "files") return;
    if (filedUnder(entry.uploader) !== filedUnder(this.#uploader)) return;
    if (entry.kind === "files") {
      this.#noteOthers(entry.files);
      return;
    }
    const said = this.#credible.ofName(entry);
    if (said.kind === "name") this.#name.versions.note(said.highest);
  }

  #noteOthers(files: readonly NotedFile[]): void {
    if (!this.#others) return;
    for (const file of files)
      if (wasSentWhole(file) && this.#credible.has(file.version, file.path))
        this.#others.set(file.path, file.version);
  }

  #applyMark(entry: DoneEntry, offset: number): void {
    if (!this.#credible.has(entry.to, `a mark of group ${entry.group}`)) return;
    const early = entry.early.filter(({ version, path }) => this.#credible.has(version, path));
    this.#feedback.apply({ ...inThisLog(entry, offset), early }, offset);
    for (const version of [entry.to, ...early.map((file) => file.version)]) this.#name.versions.note(version);
    for (const file of early) this.#noteNewer(file);
  }

  /** Only while loading: afterwards this agent is the only writer and knows more than the log. */
  #applyFiles(slot: Slot, read: FilesEntry | undefined, offset: number, timestampMs: number): void {
    if (!this.isLoading) return;
    // A frozen agent's, that had lost the name: whoever has it knows better.
    if (read && slot.epoch < this.#name.knownEpoch) return;
    const before = this.slots.standing(slot);
    // Nor what such an agent says of a path that is noted with a newer version: who took the name may say so later in the log by now.
    const said = (read?.files ?? []).filter(
      ({ path, version }) => version >= (this.files.versionOf(path) ?? 0),
    );
    for (const file of said) if (file.state === "gone") file.since ??= timestampMs;
    const known = said.filter(
      ({ path, state, version }) => state !== "incomplete" && this.#credible.has(version, path),
    );
    this.noteBatch(slot, known, offset);
    // What is not said in full is not known: the file is sent again.
    for (const file of said) if (!known.includes(file)) this.forget(file.path);
    // What stood in the slot before and is said nowhere later counted no longer.
    for (const number of before?.files ?? []) {
      const counted = this.files.inBatch(number, before?.id ?? 0);
      if (counted) this.forget(counted.path);
    }
  }

  /** A group has a version that this agent never gave, above the one it has sent: it will not take that one. */
  #noteNewer({ path, version, checksum }: EarlyFile): void {
    if (this.isLoading || version <= (this.files.versionOf(path) ?? version)) return;
    const entry = this.files.get(path);
    if (entry?.state !== "sent") return;
    if (checksum === entry.checksum || this.#name.canBeGiven(version)) return;
    this.#feedback.noteNewer(path, version);
  }
}
