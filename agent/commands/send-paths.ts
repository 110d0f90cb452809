/**
 * From the paths on the command line to what the uploader looks at: a folder as a watch of its own, files one by one as what is wanted of
 * the folder that they are in. Under which path each arrives is decided here.
 */
import { lstat, realpath, stat } from "node:fs/promises";
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

/** What was named, by its absolute path, and what it arrives as; a folder's content: as what is below nothing but `under`. */
interface Arrival {
  path: string;
  kind: "file" | "folder";
  as: string;
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
  const arriving = new Map<string, Arrival>();
  for (const path of paths) {
    const absolute = resolve(path);
    const kind = await kindOf(path);
    if (typeof kind !== "string") {
      problems.push(`${path}: ${kind.problem}`);
      continue;
    }
    const isContent = kind === "folder" && path.endsWith("/");
    const as = join(under, isContent ? "" : basename(absolute)).replace(/^\.$/, "");
    requireStorable(as, path);
    const other = arriving.get(as)?.path ?? absolute;
    if (other !== absolute) throw asOne(other, absolute, as);
    arriving.set(as, { path: absolute, kind, as });
    if (kind === "file")
      files
        .getOrInsertComputed(dirname(absolute), () => new Set())
        .add(pathToText(Buffer.from(basename(absolute))));
  }
  const content = arriving.get(under);
  if (content?.kind === "folder") await mergeInto(content, arriving);
  const rules = { include: ["**/*"], exclude: [], attributes };
  const ofFiles = Array.from(
    files,
    ([path, only]): WatchConfig => ({
      ...{ ...rules, path, as: under, recursive: false },
      named: { only },
    }),
  );
  const folders = [...arriving.values()].filter(({ kind }) => kind === "folder");
  const ofFolders = folders.map(
    ({ path, as }): WatchConfig => ({
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

function requireStorable(as: string, path: string): void {
  const problem = pathProblem(pathToText(Buffer.from(as === "" ? "-" : as)));
  if (problem !== undefined) throw new UsageError(`${path} would arrive as ${as}, which ${problem}`, "send");
}

function asOne(one: string, other: string, as: string): UsageError {
  return new UsageError(`${one} and ${other} would arrive as one path: ${as || "."}`, "send");
}

/** Something beside a folder's content, where that has the same name: it is the same, and sent with it, or can't be sent beside it. */
async function mergeInto(content: Arrival, arriving: Map<string, Arrival>): Promise<void> {
  for (const arrival of arriving.values()) {
    if (arrival === content) continue;
    const { path, kind, as } = arrival;
    const inside = join(content.path, basename(as));
    if (path !== inside && (await lstat(inside).catch(() => undefined))) throw asOne(inside, path, as);
    // What is hidden there is sent only because it was named.
    if (path === inside && kind === "folder" && !basename(as).startsWith(".")) arriving.delete(as);
  }
}

/** All there is, or what is no file but the kernel's answer when it is read: without an end, or another one each time. */
function isKernels(folder: string): boolean {
  return folder === "/" || /^\/(proc|sys)(\/|$)/.test(folder);
}

/** A folder may be named by a link; what is sent as a file is none. */
async function kindOf(path: string): Promise<"file" | "folder" | { problem: string }> {
  try {
    const there = await lstat(path);
    if (there.isFile()) return "file";
    if ((await stat(path)).isDirectory())
      return isKernels(await realpath(path)) ? { problem: "is the system's own" } : "folder";
    if (there.isSymbolicLink()) return { problem: "is a symbolic link: name the file that it leads to" };
    return { problem: "is neither a file nor a folder" };
  } catch (error) {
    return { problem: codeOf(error) === "ENOENT" ? "no such file or folder" : messageOf(error) };
  }
}
