/**
 * What an uploader knows of the ledger, entry by entry: the newest entry of each of its files, what groups say of them
 * (`feedback.ts`), and who has its name (`name-claim.ts`).
 */
import type { Log } from "../../observe/log.ts";
import { type DeliveredEntry, fileValueOf, keyOf } from "../../wire/entry.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import type { LoggedEntry } from "../ledger.ts";
import { CredibleVersions } from "./credible-versions.ts";
import type { Feedback } from "./feedback.ts";
import { FileEntries } from "./file-entries.ts";
import type { NameClaim } from "./name-claim.ts";

export class UploaderState {
  readonly files = new FileEntries();
  /** Until the name is claimed another agent may write the files' entries. */
  isLoading = true;
  readonly #uploader: string;
  readonly #feedback: Feedback;
  readonly #name: NameClaim;
  readonly #credible: CredibleVersions;

  constructor(uploader: string, feedback: Feedback, name: NameClaim, log: Log) {
    this.#uploader = uploader;
    this.#feedback = feedback;
    this.#name = name;
    this.#credible = new CredibleVersions(log);
  }

  /** The ledger has it: from now on it is so. */
  note(path: string, value: FileValue | undefined, nowMs: number): void {
    const before = this.files.set(path, value, nowMs);
    if (value) this.#name.versions.note(value.version);
    this.#feedback.noteEntry(path, before, value);
  }

  /** Applies an entry as it is read. One with a version that nothing could follow is ignored. */
  apply({ entry, offset, timestampMs }: LoggedEntry): void {
    this.#credible.noteTime(timestampMs);
    const key = keyOf(entry);
    if (!("uploader" in key) || key.uploader !== this.#uploader) return;
    if (key.kind === "file")
      this.#applyFile(key.path, entry.kind === "file" ? fileValueOf(entry) : undefined, timestampMs);
    else if (key.kind === "name" || key.kind === "claim")
      this.#name.apply(this.#credible.ofName(entry), offset);
    else if (this.#credible.has(key.version, `${key.kind} of ${key.path}`)) {
      this.#feedback.apply(entry, offset);
      if (entry.kind === "delivered") this.#noteNewer(entry);
      if (entry.kind === "delivered" || entry.kind === "failed") this.#name.versions.note(entry.version);
    }
  }

  /** Only while loading: afterwards this agent is the only writer and knows more than the log. */
  #applyFile(path: string, read: FileValue | undefined, timestampMs: number): void {
    if (!this.isLoading) return;
    // A frozen agent's, that had lost the name: whoever has it knows better.
    if ((read?.epoch ?? Number.POSITIVE_INFINITY) < this.#name.knownEpoch) return;
    // What is not said in full is not known: the file is sent again.
    const isKnown = read && read.state !== "incomplete" && this.#credible.has(read.version, path);
    this.note(path, isKnown ? { ...read, epoch: undefined } : undefined, timestampMs);
  }

  /** A group has a version that this agent never gave, above the one it has sent: it will not take that one. */
  #noteNewer({ path, version, checksum }: DeliveredEntry): void {
    const entry = this.files.get(path);
    if (this.isLoading || entry?.state !== "sent" || version <= entry.version) return;
    if (checksum === entry.checksum || this.#name.canBeGiven(version)) return;
    this.#feedback.noteNewer(path, version);
  }
}
