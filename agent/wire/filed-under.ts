/**
 * A name and the names beside it. What `send` sends is filed under a name that an agent may be at work under, so it works under one
 * of its own: `NAME~NUMBER`. Whoever stores or shows its files calls them by NAME. Which agent may write which name nobody checks, here
 * as elsewhere: a number lets nobody write what NAME alone would not.
 */
import { partitionOf } from "./numbers.ts";

/** As many may send beside a name. */
export const namesBeside = 10_000;

/** A name beside NAME. @param number from 0, below `namesBeside` */
export function nameBeside(name: string, number: number): string {
  return `${name}~${number}`;
}

/** The name that an uploader's files are filed under. */
export function filedUnder(uploader: string): string {
  const end = uploader.indexOf("~");
  return end < 0 ? uploader : uploader.slice(0, end);
}

/** Whether the uploader works beside the name that its files are filed under. */
export function isBeside(uploader: string): boolean {
  return uploader.includes("~");
}

/** The file that a path is filed as: the same for all who send under a name. */
export function filedKey({ uploader, path }: { uploader: string; path: string }): string {
  return `${filedUnder(uploader)}/${path}`;
}

/**
 * Where a version goes that begins now, or the first of its chunks: so what several send of one file is in one partition, and its newer
 * version is stored where the older one is.
 *
 * @param partitions how many the topic has
 */
export function homePartition(file: { uploader: string; path: string }, partitions: number): number {
  return partitionOf(filedKey(file), partitions);
}
