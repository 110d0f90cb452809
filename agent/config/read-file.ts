import { closeSync, openSync, readSync } from "node:fs";

/**
 * The file's text, read no further than `mostBytes`: a device may never end. Throws what the file system throws, a
 * `TypeError` when it is no UTF-8, and a `RangeError` when it is longer.
 */
export function readTextFile(path: string, mostBytes: number): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(readBytes(path, mostBytes));
}

/** The file's content, as `readTextFile`, whatever it is. */
export function readBytes(path: string, mostBytes: number): Buffer {
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
  return buffer.subarray(0, length);
}

/** What is wrong with a file that a setting names, as one clause behind its path: `/run/key: permission denied`. */
export function fileProblem(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    ENOTDIR: "no such file",
    EACCES: "permission denied: give this user the right to read it",
    EISDIR: "is a folder",
    ELOOP: "symbolic links in a circle",
  };
  if (error instanceof RangeError) return `${path}: is too large`;
  if (error instanceof TypeError) return `${path}: is no UTF-8 text`;
  return `${path}: ${known[code] ?? (code === "" ? String(error) : code)}`;
}
