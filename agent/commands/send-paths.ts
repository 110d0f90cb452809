/**
 * From the paths on the command line to what the uploader looks at: a folder as a watch of its own, files one by one as what is wanted of
 * the folder that they are in. Under which path each arrives is decided here.
 */
import { lstat, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { WatchConfig } from "../config/config.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import type { Attributes } from "../wire/attributes.ts";
import { pathProblem, pathToText } from "../wire/path.ts";
import { UsageError } from "./arguments.ts";

export interface SentPaths {
  readonly watches: readonly WatchConfig[];
  /** What files arrive as that were named one by one, as text. */
  readonly files: ReadonlySet<string>;
  /** Why others can't be sent, a line each. */
  readonly problems: readonly string[];
}

interface Options {
  /** A folder that all of it arrives below; empty: none. */
  under: string;
  attributes: Attributes;
}

/**
 * Looks at what the paths lead to. Throws a `UsageError` where two would arrive under one path, or one under none that there can be.
 *
 * @param paths with a slash at its end a folder is sent without its name
 */
export async function findPaths(
  paths: readonly string[],
  { under, attributes }: Options,
): Promise<SentPaths> {
  const problems: string[] = [];
  /** By the folder that they are in. */
  const files = new Map<string, Set<string>>();
  const folders = new Map<string, string>();
  const arriving = new Map<string, string>();
  const arrive = (as: string, path: string) => {
    const problem = pathProblem(pathToText(Buffer.from(as === "" ? "-" : as)));
    if (problem !== undefined)
      throw new UsageError(`${path} would arrive as ${as}, which ${problem}`, "send");
    const other = arriving.get(as) ?? path;
    if (other !== path)
      throw new UsageError(`${other} and ${path} would arrive as one path: ${as || "."}`, "send");
    arriving.set(as, path);
  };
  for (const path of paths) {
    const absolute = resolve(path);
    const kind = await kindOf(path);
    if (kind === "folder") {
      const isContent = path.endsWith("/") || absolute === "/";
      const as = join(under, isContent ? "" : basename(absolute)).replace(/^\.$/, "");
      arrive(as, absolute);
      folders.set(absolute, as);
    } else if (kind === "file") {
      arrive(join(under, basename(absolute)), absolute);
      files
        .getOrInsertComputed(dirname(absolute), () => new Set())
        .add(pathToText(Buffer.from(basename(absolute))));
    } else problems.push(`${path}: ${kind.problem}`);
  }
  await refuseTwice(files, folders, under);
  const rules = { include: ["**/*"], exclude: [], attributes };
  const ofFiles = Array.from(
    files,
    ([path, only]): WatchConfig => ({
      ...{ ...rules, path, as: under, recursive: false },
      named: { only },
    }),
  );
  const ofFolders = Array.from(
    folders,
    ([path, as]): WatchConfig => ({
      ...{ ...rules, path, as, recursive: true },
      named: { only: undefined },
    }),
  );
  const names = [...files.values()].flatMap((some) => [...some]);
  const folder = under === "" ? "" : `${pathToText(Buffer.from(under))}/`;
  return {
    watches: [...ofFiles, ...ofFolders],
    files: new Set(names.map((name) => folder + name)),
    problems,
  };
}

/** A folder may be named by a link; what is sent as a file is none. */
async function kindOf(path: string): Promise<"file" | "folder" | { problem: string }> {
  try {
    const there = await lstat(path);
    if (there.isFile()) return "file";
    if ((await stat(path)).isDirectory()) return "folder";
    if (there.isSymbolicLink()) return { problem: "is a symbolic link: name the file that it leads to" };
    return { problem: "is neither a file nor a folder" };
  } catch (error) {
    return { problem: codeOf(error) === "ENOENT" ? "no such file or folder" : messageOf(error) };
  }
}

/** A folder's content and a file beside it, both arriving at one place. */
async function refuseTwice(
  files: ReadonlyMap<string, ReadonlySet<string>>,
  folders: ReadonlyMap<string, string>,
  under: string,
): Promise<void> {
  for (const [folder, as] of folders) {
    if (as !== under) continue;
    for (const [other, names] of files)
      for (const name of names)
        if (other !== folder && (await lstat(join(folder, name)).catch(() => undefined)))
          throw new UsageError(
            `${join(other, name)} and ${join(folder, name)} would arrive as one path`,
            "send",
          );
  }
}
