import { closeSync, openSync, readSync } from "node:fs";

/**
 * The file's text, read no further than `mostBytes`: a device may never end. Throws what the file system throws, a
 * `TypeError` when it is no UTF-8, and a `RangeError` when it is longer.
 */
export function readTextFile(path: string, mostBytes: number): string {
  const buffer = Buffer.alloc(mostBytes + 1);
  let length = 0;
  const file = openSync(path, "r");
  try {
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(file, buffer, length, buffer.length - length, null);
    }
  } finally {
    closeSync(file);
  }
  if (length > mostBytes) throw new RangeError("it is too large");
  return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length));
}
