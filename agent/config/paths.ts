import { realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { inTime } from "../lib/in-time.ts";

/** Refused as a watch, themselves or as what they link to (`/bin` is `/usr/bin` on most systems). */
const SYSTEM_DIRECTORIES = [
  "/",
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/proc",
  "/root",
  "/run",
  "/sbin",
  "/sys",
  "/usr",
  "/var",
];

/** A file server that does not answer must not keep the agent from starting: its watch is checked as it is written. */
export const PATIENCE_MS = 2000;

/**
 * Where an absolute path really leads. What does not exist yet is taken as it is written, below the part that
 * does; so is everything on a file system that does not answer.
 */
export async function resolveLinks(path: string): Promise<string> {
  return (await inTime(resolveExisting(path), PATIENCE_MS)) ?? path;
}

/** Whether a directory belongs to the system; both the path as it is written and where it leads are looked at. */
export async function isSystemDirectory(path: string, resolved: string): Promise<boolean> {
  if (isListed(path) || isListed(resolved)) return true;
  const leadTo = await Promise.all(SYSTEM_DIRECTORIES.map(resolveLinks));
  return leadTo.includes(resolved);
}

/** Whether `path` is `directory` or in it. Both absolute and normal. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === sep ? sep : directory + sep);
}

function isListed(path: string): boolean {
  if (SYSTEM_DIRECTORIES.includes(path) || /^\/lib[^/]*$/.test(path)) return true;
  // Sockets and secrets live in /run; removable media is what people mean by a folder there.
  return isWithin(path, "/run") && !path.startsWith("/run/media/");
}

async function resolveExisting(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // Missing, or not ours to look into: whether that matters is found out when it is opened.
    const parent = dirname(path);
    return parent === path ? path : join(await resolveExisting(parent), path.slice(parent.length));
  }
}
