/** A file below a watch: where it is here, and the path it has at the destination. */
import { isDeepStrictEqual } from "node:util";
import type { WatchConfig } from "../../config/config.ts";
import { type Folders, localFolders } from "../../lib/folders.ts";
import { type Attributes, someAttributes } from "../../wire/attributes.ts";
import { pathProblem, pathToNative, pathToText } from "../../wire/path.ts";
import { WatchDevice } from "../discover/watch-device.ts";
import { WatchGlobs } from "../discover/watch-globs.ts";
import type { FileSystemGate } from "./file-system-gate.ts";

export interface WatchedFile {
  watch: Watch;
  /** Below the watch, as text. */
  relative: string;
  /** At the destination, as text. */
  path: string;
}

/** A watched directory. */
export class Watch {
  readonly config: WatchConfig;
  /** Every call to its file system goes through this. */
  readonly access: FileSystemGate;
  readonly folders: Folders;
  readonly device: WatchDevice;
  readonly #root: Buffer;
  readonly #globs: WatchGlobs;

  constructor(config: WatchConfig, access: FileSystemGate, folders: Folders = localFolders) {
    this.config = config;
    this.access = access;
    this.folders = folders;
    this.device = new WatchDevice(config.path, access, folders);
    this.#root = Buffer.from(config.path, "utf8");
    this.#globs = new WatchGlobs(config);
  }

  /** What the settings give to a version that is numbered now. */
  get attributes(): Attributes | undefined {
    return someAttributes(this.config.attributes);
  }

  /**
   * Whether a version with these attributes is one that is wanted. Settings count for what is taken up later, and make nothing be
   * sent again; what a command names it names with them.
   */
  takes(attributes: Attributes | undefined): boolean {
    return !this.config.named || isDeepStrictEqual(attributes ?? {}, this.config.attributes);
  }

  file(relative: string): WatchedFile {
    const path = this.config.as === "" ? relative : `${pathToText(Buffer.from(this.config.as))}/${relative}`;
    return { watch: this, relative, path };
  }

  /** The file that has this path at the destination, if it is one of this watch's that may be sent. */
  fileAt(path: string): WatchedFile | undefined {
    const folder = this.file("").path;
    if (!path.startsWith(folder) || pathProblem(path) !== undefined) return undefined;
    const relative = path.slice(folder.length);
    return this.wants(relative) ? this.file(relative) : undefined;
  }

  /** The watch's own path, or that of something below it, for the file system. */
  native(relative: string): string | Buffer {
    if (relative === "") return this.config.path;
    const native = pathToNative(relative);
    if (typeof native === "string") return `${this.config.path}/${native}`;
    return Buffer.concat([this.#root, Buffer.from("/"), native]);
  }

  /** See `WatchGlobs`. */
  wants(relative: string): boolean {
    return this.#globs.wants(relative);
  }

  /** See `WatchGlobs`. */
  entersFolder(relative: string): boolean {
    return this.#globs.entersFolder(relative);
  }
}
