/** A file below a watch: where it is here, and the path it has at the destination. */
import type { WatchConfig } from "../config/config.ts";
import { pathProblem, pathToGlobName, pathToNative, pathToText } from "../wire/path.ts";
import type { FileAccess } from "./file-access.ts";
import { WatchDevice } from "./watch-device.ts";

export interface WatchedFile {
  watch: Watch;
  /** Below the watch, as text. */
  relative: string;
  /** At the destination, as text. */
  path: string;
}

/** A watched directory, its globs made ready. */
export class Watch {
  readonly config: WatchConfig;
  /** Every call to its file system goes through this. */
  readonly access: FileAccess;
  readonly device: WatchDevice;
  readonly #root: Buffer;
  readonly #include: Bun.Glob[];
  readonly #exclude: Bun.Glob[];
  /** Of folders in which nothing is wanted: they are not even read. */
  readonly #excludedFolders: Bun.Glob[];
  readonly #includesAll: boolean;

  constructor(config: WatchConfig, access: FileAccess) {
    this.config = config;
    this.access = access;
    this.device = new WatchDevice(config.path, access);
    this.#root = Buffer.from(config.path, "utf8");
    this.#include = config.include.map((pattern) => new Bun.Glob(pattern));
    this.#exclude = config.exclude.map((pattern) => new Bun.Glob(pattern));
    this.#excludedFolders = config.exclude.flatMap(folderGlob);
    this.#includesAll = config.include.includes("**/*");
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

  /** Whether a file of this relative path (as text) is to be sent; hidden ones never are. */
  wants(relative: string): boolean {
    if (isHidden(relative)) return false;
    if (!this.config.recursive && relative.includes("/")) return false;
    const name = pathToGlobName(relative);
    const matches = (glob: Bun.Glob) => glob.match(name);
    return (this.#includesAll || this.#include.some(matches)) && !this.#exclude.some(matches);
  }

  /** Whether to look into a folder of this relative path. */
  entersFolder(relative: string): boolean {
    if (relative === "") return true;
    if (!this.config.recursive || isHidden(relative)) return false;
    return !this.#excludedFolders.some((glob) => glob.match(pathToGlobName(relative)));
  }
}

/** Of a glob that leaves out all that is in some folders, the one of the folders themselves. */
function folderGlob(pattern: string): Bun.Glob[] {
  const [, folders] = /^(.+?)\/\*\*(?:\/\*)?$/.exec(pattern) ?? [];
  return folders === undefined ? [] : [new Bun.Glob(folders)];
}

function isHidden(relative: string): boolean {
  return relative.startsWith(".") || relative.includes("/.");
}
