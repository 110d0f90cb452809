/** Can the downloader keep files in its output? What is written to find out is removed at once. */
import { constants } from "node:fs";
import { access, lstat, mkdtemp, open, readdir, rm, stat, statfs, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import type { DownloaderConfig } from "../config/config.ts";
import { readHolder } from "../downloader/store/output-lock.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import { lockFile } from "../lib/file-lock.ts";
import { succeeds } from "../lib/succeeds.ts";
import { aboutBytes } from "./amounts.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import type { Patience } from "./patience.ts";

/** statfs(2)'s types of file systems that do not keep what is written, or not by all its names. */
const oddTypes: ReadonlyMap<number, string> = new Map([
  [0x01021994, "tmpfs, which is memory: gone after a restart of the machine"],
  [0x794c7630, "overlayfs, as of a container: gone with it, unless a volume is mounted there"],
]);

/** @param name of the agent: an output that it has itself, running, is no trouble */
export async function* examineOutput(
  downloader: DownloaderConfig,
  name: string,
  patience: Patience,
): AsyncGenerator<Finding> {
  const subject = `output ${downloader.output}`;
  const found = await patience.wait(look(downloader, name, subject));
  if (found !== undefined) yield* found;
  else
    yield fail(subject, "the file system does not answer", "see whether its server, or its disk, is there");
}

async function look(downloader: DownloaderConfig, name: string, subject: string): Promise<Finding[]> {
  const { output, requireMount, minFreeBytes } = downloader;
  try {
    const found = await stat(output);
    if (!found.isDirectory()) return [fail(subject, "is no folder", "name a folder in downloader.output")];
    if (requireMount && found.dev === (await lstat(dirname(output))).dev) {
      const text = "is not a mount point, and downloader.require_mount is true";
      return [fail(subject, text, "mount it, or set downloader.require_mount: false")];
    }
    const { bavail, bsize, ffree, files, type } = await statfs(output);
    return [
      ...(await tryWriting(output, subject)),
      ...(await findHolder(output, name)),
      judgeSpace(bavail * bsize, minFreeBytes),
      ...(files > 0 && ffree === 0 ? [fail("disk", "no inode is free", "delete files there")] : []),
      ...judgeType(type, subject),
    ];
  } catch (error) {
    return [fail(subject, ...explain(error, output))];
  }
}

/** Two downloaders with one output would be one member of the group; the second is refused. */
async function findHolder(output: string, name: string): Promise<Finding[]> {
  const store = join(output, ".streamsend");
  const file = await open(join(store, "store"), constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    () => undefined,
  );
  if (file === undefined) return [];
  try {
    if (lockFile(file.fd) !== "taken") return [];
    const [held = ""] = await readdir(join(store, "holder")).catch(() => []);
    const holder = readHolder(held);
    if (holder?.agent === name && holder.host === hostname()) return [];
    const text = `is in use by ${holder?.text ?? "another downloader"}`;
    return [fail(`output ${output}`, text, "give each downloader an output of its own")];
  } finally {
    await file.close();
  }
}

export function judgeSpace(freeBytes: number, minFreeBytes: number): Finding {
  const free = `${aboutBytes(freeBytes)} free`;
  const text = `${free}, downloader.min_free is ${aboutBytes(minFreeBytes)}`;
  if (freeBytes >= minFreeBytes) return ok("disk", text);
  return fail("disk", `${text}: the downloader would pause`, "make room there, or lower downloader.min_free");
}

/** In `.streamsend` where that is there: nobody looks in it. */
async function tryWriting(output: string, subject: string): Promise<Finding[]> {
  const store = join(output, ".streamsend");
  const hasStore = await succeeds(stat(store));
  await access(output, constants.R_OK | constants.W_OK | constants.X_OK);
  const trial = await mkdtemp(join(hasStore ? store : output, ".doctor-"));
  try {
    await writeAndSync(join(trial, "a"));
    return [ok(subject, "is there, and can be written to"), ...(await tryNames(trial))];
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

async function writeAndSync(file: string): Promise<void> {
  const handle = await open(file, "w");
  try {
    await handle.write("a");
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What names a file can have there: of Linux's own file systems any, elsewhere fewer. */
async function tryNames(folder: string): Promise<Finding[]> {
  const cannot: string[] = [];
  const takes = (name: string | Buffer) =>
    succeeds(writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]), ""));
  if (!(await takes("n".repeat(255)))) cannot.push("names of 255 bytes");
  if (!(await takes('q:"*?<>|'))) cannot.push('names with any of : " * ? < > |');
  if (!(await takes(Buffer.from([0x6e, 0xff])))) cannot.push("names that are no UTF-8");
  if (await succeeds(stat(join(folder, "A")))) cannot.push("two names that differ only in case");
  if (cannot.length === 0) return [];
  const text = `this file system can't hold ${cannot.join(", ")}: such files would end as failed`;
  return [warn("file names", text, "use ext4, XFS or another of Linux's own, if such names occur")];
}

function judgeType(type: number, subject: string): Finding[] {
  const odd = oddTypes.get(type);
  return odd === undefined ? [] : [warn(subject, `is on ${odd}`, "use a folder on a disk")];
}

function explain(error: unknown, output: string): [text: string, fix: string] {
  switch (codeOf(error)) {
    case "ENOENT":
      return ["is not there, and is never made here", `mkdir -p ${output}, or mount it`];
    case "EACCES":
    case "EPERM":
      return [
        "can't be written to by this user",
        `chown ${process.getuid?.()} ${output}, or run the agent as its owner`,
      ];
    case "EROFS":
      return ["is read-only", `mount -o remount,rw it; under systemd add ReadWritePaths=${output}`];
    case "ENOSPC":
    case "EDQUOT":
      return ["is full", "make room there"];
    default:
      return [messageOf(error), "check the disk and the mount"];
  }
}
