/**
 * Paths as they travel. On Linux a path is bytes; in keys, headers and entries it is text that a person can read
 * and that gives the same bytes back (docs/protocol.md, "Names"). Everywhere in the agent a path is that text;
 * only where the file system is touched does it become bytes again.
 */
import { posix } from "node:path";
import { limits } from "./limits.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Most names: printable ASCII without `%` stands for itself. */
const plain = /^[\x20-\x24\x26-\x7e]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
const escapedInText = /[%\x00-\x1f\x7f]/g;

/** The canonical text of a path's bytes. */
export function pathToText(bytes: Buffer): string {
  const latin = bytes.toString("latin1");
  if (plain.test(latin)) return latin;
  try {
    return escapeText(strictUtf8.decode(bytes));
  } catch {
    return escapeBytes(bytes);
  }
}

/** The bytes that a path's text stands for. Throws a `RangeError` when a `%` is not followed by two hex digits. */
export function pathToBytes(text: string): Buffer {
  if (!text.includes("%")) return Buffer.from(text, "utf8");
  const parts = text.split("%");
  const bytes = [Buffer.from(parts[0] ?? "", "utf8")];
  for (const part of parts.slice(1)) {
    const hex = part.slice(0, 2);
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) throw new RangeError(`"%${hex}" in a path is no escaped byte`);
    bytes.push(Buffer.from(hex, "hex"), Buffer.from(part.slice(2), "utf8"));
  }
  return Buffer.concat(bytes);
}

/** What the file system wants: a string where the name is valid UTF-8 (cheaper in every call), else bytes. */
export function pathToNative(text: string): string | Buffer {
  if (!text.includes("%")) return text;
  const bytes = pathToBytes(text);
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return bytes;
  }
}

/** Why no file may have this path at a destination, or `undefined` when it may. */
export function pathProblem(text: string): string | undefined {
  const bytes = pathToBytes(text);
  if (bytes.length === 0) return "is empty";
  if (bytes.length > limits.path) return `is longer than ${limits.path} bytes`;
  if (bytes.includes(0)) return "contains NUL";
  for (const segment of bytes.toString("latin1").split("/")) {
    if (segment === "") return "is absolute or has an empty segment";
    if (segment === "." || segment === "..") return `has the segment "${segment}"`;
    if (segment.toLowerCase() === ".streamsend") return "leads into .streamsend";
    if (segment.length > limits.segment) return `has a segment longer than ${limits.segment} bytes`;
  }
  return undefined;
}

/** Most paths, as they are written canonically: plain segments, none of which begins with a dot. */
const usual = /^(?:(?!\.)[\x20-\x24\x26-\x2e\x30-\x7e]{1,255}\/)*(?!\.)[\x20-\x24\x26-\x2e\x30-\x7e]{1,255}$/;

/** The canonical text of what may be written in another way. Throws a `RangeError` for a path that no file may have: nothing is to be kept of it. */
export function canonicalPath(text: string): string {
  if (text.length <= limits.path && usual.test(text)) return text;
  if (text.length > limits.pathText) throw new RangeError("too long for a path");
  const path = pathToText(pathToBytes(text));
  if (pathProblem(path) !== undefined) throw new RangeError("no path of a file");
  return path;
}

/** A path as globs see it, which is as people do: nothing is escaped, and a byte that is no UTF-8 is U+FFFD, one character. */
export function pathToGlobName(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => {
    const byte = Number.parseInt(hex, 16);
    return byte < 0x80 ? String.fromCharCode(byte) : "\ufffd";
  });
}

/** A path for a log line: as it is, control characters and bytes that are no UTF-8 as `\xNN`. */
export function pathToDisplay(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    hex === "25" ? "%" : `\\x${hex.toLowerCase()}`,
  );
}

/** A file's last characters from a dot on are kept as its extension when its name is shortened, up to so many bytes. */
const maxExtensionBytes = 64;

/**
 * The name that a version has beside another file of its path: `folder/name.~VERSION~.ext`. Where that is too long for a
 * name, the stem ends sooner, never inside a character.
 */
export function versionedPath(path: string, version: number, maxBytes: number = limits.segment): string {
  const { dir, name, ext } = posix.parse(path);
  const isExtension = byteLength(ext) <= maxExtensionBytes;
  const ending = `.~${version}~${isExtension ? ext : ""}`;
  const stem = isExtension ? name : `${name}${ext}`;
  const whole = `${name}.~${version}~${ext}`;
  const fits = byteLength(whole) <= maxBytes;
  return posix.join(dir, fits ? whole : `${shortened(stem, maxBytes - byteLength(ending))}${ending}`);
}

/** The text of a path's first bytes, at least one character. */
function shortened(text: string, maxBytes: number): string {
  let short = "";
  let left = maxBytes;
  // As it is written canonically: an escape there is one byte, and no part of a character.
  for (const [character] of pathToText(pathToBytes(text)).matchAll(/%[0-9A-F]{2}|./gsu)) {
    left -= byteLength(character);
    if (left < 0 && short !== "") break;
    short += character;
  }
  return short;
}

function byteLength(text: string): number {
  return pathToBytes(text).length;
}

function escapeText(text: string): string {
  return text.replace(escapedInText, (c) => escapeByte(c.charCodeAt(0)));
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

function escapeBytes(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = utf8Length(bytes, at);
    text +=
      length === 0 ? escapeByte(bytes[at] as number) : escapeText(bytes.toString("utf8", at, at + length));
    at += length || 1;
  }
  return text;
}

/** Length of the valid UTF-8 sequence that begins at `at`, 0 if none does. */
function utf8Length(bytes: Buffer, at: number): number {
  const lead = bytes[at] as number;
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return 0;
  try {
    strictUtf8.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
