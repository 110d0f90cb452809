/** What of a watch is sent: its globs, made ready. */
import type { WatchConfig } from "../../config/config.ts";
import { pathToGlobName } from "../../wire/path.ts";

export class WatchGlobs {
  readonly #recursive: boolean;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #include: Bun.Glob[];
  readonly #exclude: Bun.Glob[];
  /** Of folders in which nothing is wanted: they are not even read. */
  readonly #excludedFolders: Bun.Glob[];
  readonly #includesAll: boolean;

  constructor(config: Pick<WatchConfig, "include" | "exclude" | "recursive" | "named">) {
    const { include, exclude, recursive, named } = config;
    this.#only = named?.only;
    this.#recursive = recursive;
    this.#include = include.map((pattern) => new Bun.Glob(pattern));
    this.#exclude = exclude.map((pattern) => new Bun.Glob(pattern));
    this.#excludedFolders = exclude.flatMap(folderGlob);
    this.#includesAll = include.includes("**/*");
  }

  /** Whether a file of this relative path (as text) is to be sent; hidden ones never are, unless they were named. */
  wants(relative: string): boolean {
    if (this.#only) return this.#only.has(relative);
    if (isHidden(relative)) return false;
    if (!this.#recursive && relative.includes("/")) return false;
    const name = pathToGlobName(relative);
    const matches = (glob: Bun.Glob) => glob.match(name);
    return (this.#includesAll || this.#include.some(matches)) && !this.#exclude.some(matches);
  }

  /** Whether to look into a folder of this relative path. */
  entersFolder(relative: string): boolean {
    if (relative === "") return true;
    if (!this.#recursive || isHidden(relative)) return false;
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
