/**
 * OUTPUT/.streamsend: what is unfinished. It is a cache, and may be deleted: what is missing is fetched again. In it are the
 * partials, each with a note that says which of its bytes are on disk for good; the list of what is being published; where
 * parked records are; and the store's name, so that a group's position tells which store it was committed from.
 *
 *     .streamsend/store                    this store's name, locked by the downloader that has it
 *     .streamsend/holder/AGENT,HOST,...    a folder whose name says which downloader that is
 *     .streamsend/partial/VERSION-HASH     the file itself, growing
 *     .streamsend/partial/VERSION-HASH.note
 *     .streamsend/published-NUMBER/        a folder whose name says how often this store has published
 *     .streamsend/publishing.json          verified, durable, about to be renamed, or renamed and not yet committed
 *     .streamsend/marks                    what the group's marks said of this store's files when it last published
 *     .streamsend/ledger                   a summary of the ledger (`ledger/group/summary/`)
 *     .streamsend/versions                 which version of each file was stored last, where older ones are kept
 *     .streamsend/parked.json              where records of a newer format are, to be read again
 *     .streamsend/quarantine/              failed verification, the newest few
 *
 * A note is durable when its write returns, and never claims more than is on disk: whoever writes it has synced the bytes
 * before. Nothing here decides what is published or when (`publish/`), and nothing outside `.streamsend` is written. Where the
 * file system knows no locks, a second downloader is not kept out.
 */
import { join } from "node:path";
import { deviceNowMs } from "../../lib/clock.ts";
import type { Disk } from "../../lib/disk.ts";
import { AgentError, codeOf } from "../../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import { nameDigest } from "../../lib/name-hash.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { MarkCopies } from "./mark-copies.ts";
import { Notes, type Publication } from "./notes.ts";
import type { OpenFiles } from "./open-files.ts";
import { OutputFolder } from "./output-folder.ts";
import { type Holder, OutputLock } from "./output-lock.ts";
import { Partial, type PartialNote } from "./partial.ts";
import { PublicationNumber } from "./publication-number.ts";
import { Quarantine } from "./quarantine.ts";
import { StoredVersions } from "./stored-versions.ts";

/** Behind the name of a partial, for its note. */
export const noteEnding = ".note";
/** The same in 0.1.0, which named partials otherwise, and does not start where it finds such a note of ours. */
const earlierNoteEnding = ".json";

export class Store {
  readonly output: string;
  readonly folder: string;
  readonly #disk: Disk;
  readonly #files: OpenFiles;
  readonly #partials: string;
  readonly notes: Notes;
  readonly versions: StoredVersions;
  readonly marks: MarkCopies;
  readonly #quarantine: Quarantine;
  readonly #outputFolder: OutputFolder;
  readonly #lock: OutputLock;
  readonly #number: PublicationNumber;
  readonly #leastFreeBytes: number;
  #name = "";
  #foldsCase = false;

  /**
   * @param self who is to have it
   * @param leastFreeBytes that are to stay free: see `require`
   */
  constructor(output: string, files: OpenFiles, self: Holder, leastFreeBytes = 0) {
    this.#leastFreeBytes = leastFreeBytes;
    this.output = output;
    this.folder = join(output, ".streamsend");
    this.#disk = files.disk;
    this.#files = files;
    this.#partials = join(this.folder, "partial");
    this.notes = new Notes(this.folder, this.#disk);
    this.marks = new MarkCopies(this.folder, this.#disk);
    this.versions = new StoredVersions(this.folder, this.#disk);
    this.#quarantine = new Quarantine(join(this.folder, "quarantine"), this.#disk);
    this.#number = new PublicationNumber(this.folder, this.#disk);
    this.#outputFolder = new OutputFolder(output, this.#partials, this.#disk);
    this.#lock = new OutputLock(
      this.#disk,
      output,
      join(this.folder, "store"),
      join(this.folder, "holder"),
      self,
    );
  }

  /** Tells this store from every other one. */
  get name(): string {
    return this.#name;
  }

  /** Short for its name, in receipts. */
  get id(): string {
    return nameDigest(this.#name).slice(0, 12);
  }

  /** How often it has published, as far as that is on disk for good; never less, unless the disk was rolled back. */
  get number(): number {
    return this.#number.value;
  }

  /** Whether names that differ only in case are one name here (vfat, exFAT). */
  get foldsCase(): boolean {
    return this.#foldsCase;
  }

  /** Whether a second downloader is kept out: not where the file system knows no locks. */
  get isLocked(): boolean {
    return this.#lock.isReal;
  }

  /**
   * Makes the folders where they are missing; never the output itself. It is this agent's alone until `close`. Throws an
   * `AgentError` that says what is wrong.
   */
  open(): Promise<void> {
    return this.#outputFolder.open(async () => {
      for (const folder of [this.folder, this.#partials, this.#quarantine.folder])
        await this.#makeFolder(folder);
      await this.#outputFolder.requireWritable();
      this.#name = await this.notes.storeName();
      await this.#lock.acquire();
      await this.#number.read();
      // Half-written when a crash came.
      for (const name of await this.#disk.list(this.folder))
        if (name.endsWith(".new")) await this.#disk.remove(join(this.folder, name));
      // What is found here is built upon, also what a process before had no time to sync: a power cut could still take it.
      await this.#disk.sync([`${this.output}/.`, this.folder, this.#partials]);
      this.#foldsCase = (await this.#disk.look(join(this.output, ".STREAMSEND"))) !== undefined;
    });
  }

  /** See `OutputFolder`. */
  explain(error: unknown): Promise<AgentError> {
    return this.#outputFolder.explain(error);
  }

  /** Another may have it now. Also when it was not opened. */
  close(): Promise<void> {
    return this.#lock.release();
  }

  /** Throws a retryable `AgentError` when nothing can be stored; see `OutputFolder`. */
  async require(): Promise<void> {
    await this.requireThere();
    await this.requireRoom();
  }

  /** The same, but for a lack of room: what is there can be published all the same. */
  async requireThere(): Promise<void> {
    await this.#outputFolder.require();
    await this.#lock.require();
  }

  /** Throws a retryable `AgentError` when less is free than is to stay free. */
  requireRoom(): Promise<void> {
    return this.#outputFolder.requireRoom(this.#leastFreeBytes);
  }

  /** See `OutputFolder`. */
  freeBytes(): Promise<number> {
    return this.#outputFolder.freeBytes();
  }

  /** See `Disk`. */
  blockBytes(): Promise<number> {
    return this.#outputFolder.blockBytes();
  }

  /** A partial for a version that begins. */
  partial(note: PartialNote): Partial {
    return new Partial(note, join(this.#partials, partialName(note)), this.#files);
  }

  /**
   * The partials that have a note. Bytes without one were never durable, they are removed.
   *
   * @param nowMs by the monotonic clock
   */
  async partials(nowMs: number): Promise<Partial[]> {
    await this.#takeOverEarlier();
    const names = new Set(await this.#disk.list(this.#partials));
    const found: Partial[] = [];
    for (const name of names) {
      if (name.endsWith(noteEnding)) continue;
      const file = join(this.#partials, name);
      const note = names.has(name + noteEnding) ? await this.notes.partial(name + noteEnding) : undefined;
      const size = (await this.#disk.look(file))?.size ?? 0;
      const claimed = note?.coverage.at(-1)?.[1] ?? 0;
      // A note that claims more than is there is none: a file system was repaired, or restored.
      if (!note || size < claimed) {
        await this.#disk.remove(file);
        await this.#disk.remove(file + noteEnding);
        continue;
      }
      const partial = this.partial(note);
      // The note's time: a complete file has its source's already.
      const changedMs = (await this.#disk.look(file + noteEnding))?.changedMs ?? 0;
      // A clock that was set back makes nothing younger than now.
      partial.placedAtMs = nowMs - Math.max(0, deviceNowMs() - changedMs);
      found.push(partial);
    }
    for (const name of names) {
      const bytes = name.replace(/\.note(\.new)?$/, "");
      if (bytes !== name && !names.has(bytes)) await this.#disk.remove(join(this.#partials, name));
    }
    return found;
  }

  /** What the version before has left goes on, under its name of now. A crash in between loses it, and it is read again. */
  async #takeOverEarlier(): Promise<void> {
    for (const name of await this.#disk.list(this.#partials)) {
      if (!name.endsWith(earlierNoteEnding)) continue;
      const note = await this.notes.earlierPartial(name);
      const file = join(this.#partials, name.slice(0, -earlierNoteEnding.length));
      // Without bytes there is nothing to go on with.
      if (note && (await this.#disk.look(file))) {
        await this.#disk.rename(file, join(this.#partials, partialName(note)));
        await this.writeNotes([note]);
      }
      await this.#disk.remove(join(this.#partials, name));
    }
  }

  /** Notes what of these partials is there. Their bytes must be on disk already. */
  async writeNotes(notes: readonly PartialNote[]): Promise<void> {
    if (notes.length === 0) return;
    const files = notes.map((note) => join(this.#partials, partialName(note) + noteEnding));
    for (const [at, note] of notes.entries()) {
      await this.#disk.writeText(`${files[at]}.new`, JSON.stringify(note));
      leaveGarbage(garbageOf.note);
    }
    await this.#disk.sync(files.map((file) => `${file}.new`));
    for (const file of files) await this.#disk.rename(`${file}.new`, file);
    await this.#disk.sync([this.#partials]);
  }

  /** Makes the names of the partials durable: one may have stood for other bytes before, that failed verification. */
  syncNames(): Promise<void> {
    return this.#disk.sync([this.#partials]);
  }

  removeNote(id: VersionId): Promise<void> {
    return this.#disk.remove(join(this.#partials, partialName(id) + noteEnding));
  }

  partialPath(publication: Publication): string {
    return join(this.#partials, publication.partial);
  }

  /** What is published from now on has a number of its own: see `number`. */
  writePublishing(publications: readonly Publication[]): Promise<void> {
    return this.notes.writePublishing(publications, async () => {
      // Not sooner: a snapshot with the number has the list, too. The sync of the folder is for both.
      if (publications.length > 0) await this.#number.raise(this.number + 1);
    });
  }

  /** Makes it the store's number, for good. */
  async raiseNumber(number: number): Promise<void> {
    await this.#number.raise(number);
    await this.#disk.sync([this.folder]);
  }

  /** Takes a partial that failed verification out of the way. Returns where it is kept, if it is. */
  async quarantine(partial: Partial): Promise<string | undefined> {
    await this.#files.drop(partial.file);
    const place = await this.#quarantine.add(partial.file, partial.name);
    await this.removeNote(partial.id);
    return place;
  }

  async #makeFolder(folder: string): Promise<void> {
    try {
      await this.#disk.makeFolder(folder, 0o700);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      if ((await this.#disk.look(folder))?.kind !== "folder")
        throw new AgentError(`${folder} is no directory`, "retryable");
    }
  }
}

/** The name of a version's partial: sorts by age, and is safe whatever the path is, also beside one that was made up to meet it. */
export function partialName(id: VersionId): string {
  return `${id.version}-${nameDigest(chunkKey(id))}`;
}
