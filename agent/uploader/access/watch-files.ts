/**
 * The one way to the files of the watches: they are opened, read, looked at before something is done with them, moved and
 * deleted here, by descriptors, without a link on the way (`lib/files-below.ts`), each call counted by the watch's
 * `FileSystemGate`. And whether a file is finished: not while somebody has it open for writing.
 */
import type { Expected, FileCalls, FileState, OpenedFile, Outcome, Place } from "../../lib/files-below.ts";
import { type Folders, localFolders } from "../../lib/folders.ts";
import { pathToBytes } from "../../wire/path.ts";
import { OpenWriters } from "./open-writers.ts";
import type { WatchedFile } from "./watch.ts";

/**
 * Files up to this size are read whole by the call that opens them. What is larger takes so long to be read, hashed and sent that
 * three calls more do not show. They are held until they are sent: as many as `ReadSlots` has places, so 1 MiB of them by
 * default, and 16 MiB with the largest `parallel`. (An answer that has paused holds no place, but what it has read, of any size.)
 */
const smallFileBytes = 64 << 10;

/** All of it throws what the file system throws, also about the watch itself. */
export class WatchFiles {
  /** Looking at what is below a watch. */
  readonly folders: Folders;
  readonly #files: FileCalls;
  readonly #smallBytes: number;
  readonly #writers: OpenWriters;

  /** @param smallBytes files that are no larger are read when they are opened */
  constructor(files: FileCalls, folders: Folders = localFolders, smallBytes = smallFileBytes) {
    this.folders = folders;
    this.#files = files;
    this.#smallBytes = smallBytes;
    this.#writers = new OpenWriters(files);
  }

  /**
   * Opens a file for reading, or reads it, if it is small. `undefined`: there is none that may be sent.
   *
   * @param trusting see `FilesBelow.open`
   */
  open(file: WatchedFile, trusting: boolean): Promise<OpenedFile | undefined> {
    return file.watch.access.run(() => this.#files.open(placeOf(file), this.#smallBytes, trusting));
  }

  /** What stands at the file's path now, and what the opened file is like. */
  look(
    file: WatchedFile,
    fd?: number,
  ): Promise<{
    there: FileState | undefined;
    opened: FileState;
  }> {
    return file.watch.access.run(() => this.#files.look(placeOf(file), fd));
  }

  /** Reads a part into the buffer's rest. Returns how many bytes there were, 0 at the end. */
  read(file: WatchedFile, fd: number, buffer: Buffer, at: number, position: number): Promise<number> {
    return file.watch.access.run(() => this.#files.read(fd, buffer, at, buffer.length - at, position));
  }

  close(file: WatchedFile, fd: number): Promise<void> {
    return file.watch.access.run(() => this.#files.close(fd));
  }

  /** Whether somebody has an opened file open for writing, as far as the system tells (docs/operations.md says where not). */
  async isOpenForWriting(
    file: WatchedFile,
    { writers, state }: Pick<OpenedFile, "writers" | "state">,
  ): Promise<boolean> {
    if (writers !== "unknown") return writers === "some";
    return file.watch.access.run(() => this.#writers.has(state, false));
  }

  /** Deletes a file that is as expected. */
  async delete(file: WatchedFile, expected: Expected): Promise<Outcome> {
    const remove = (trusting: boolean) => this.#files.remove(placeOf(file), expected, trusting);
    return (await this.#take(file, remove)).outcome;
  }

  /** Moves a file that is as expected to a name that is free, in a folder that is there. */
  move(file: WatchedFile, expected: Expected, to: Place): Promise<{ outcome: Outcome; isCertain: boolean }> {
    return this.#take(file, (trusting) => this.#files.move(placeOf(file), expected, trusting, to));
  }

  /** What stands where a file was moved to. */
  async lookAt(file: WatchedFile, place: Place): Promise<FileState | undefined> {
    return (await file.watch.access.run(() => this.#files.look(place))).there;
  }

  /** Gives a file that was moved its name again, if that is free. */
  moveBack(file: WatchedFile, expected: Expected, from: Place): Promise<Outcome> {
    return file.watch.access.run(() => this.#files.move(from, expected, true, placeOf(file)));
  }

  /** Makes the folders on the way to a name. Returns the how manieth on the way is something else, 0: none. */
  makeFolders(file: WatchedFile, to: Place): Promise<number> {
    return file.watch.access.run(() => this.#files.makeFolders(to));
  }

  /** Where the file system can't say whether somebody writes, all processes are looked at, as late as possible. */
  async #take(
    file: WatchedFile,
    attempt: (trusting: boolean) => Promise<Outcome>,
  ): Promise<{ outcome: Outcome; isCertain: boolean }> {
    const { access } = file.watch;
    const outcome = await access.run(() => attempt(false));
    if (outcome !== "unknown") return { outcome, isCertain: true };
    const { there } = await this.look(file);
    if (there && (await access.run(() => this.#writers.has(there, true))))
      return { outcome: "open", isCertain: true };
    return { outcome: await access.run(() => attempt(true)), isCertain: false };
  }
}

function placeOf({ watch, relative }: WatchedFile): Place {
  return { root: Buffer.from(watch.config.path), relative: pathToBytes(relative) };
}
