/** Directory trees to send: made by a seeded generator, compared with tools that are not ours. */
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Random } from "./random.ts";

export interface TreeFile {
  /** Relative; bytes, as names on Linux are. */
  path: Buffer;
  content: Buffer;
}

const slash = Buffer.from("/");

/** Where a relative path of bytes is under a folder. */
export function under(folder: string, path: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(folder), slash, Buffer.from(path)]);
}

/** Writes files with their folders; modification times lie in the past, with fractions of a second. */
export async function writeTree(folder: string, files: readonly TreeFile[]): Promise<void> {
  let age = 0;
  for (const { path, content } of files) {
    const at = under(folder, path);
    await mkdir(dirnameOf(at), { recursive: true });
    await writeFile(at, content);
    const mtime = 1_700_000_000.123 + age++;
    await utimes(at, mtime, mtime);
  }
}

/** `count` files of up to `maxBytes` on `levels` levels of folders, some of them empty. */
export function randomTree(
  seed: number,
  options: { count: number; levels: number; maxBytes: number },
): TreeFile[] {
  const random = new Random(seed);
  return random.list(options.count, () => {
    const depth = random.below(options.levels);
    const folders = random.list(depth, () => `folder-${random.below(3)}`);
    const name = `${random.pick(["photo", "scan", "note", "log"])}-${random.below(1e9)}.bin`;
    const bytes = random.below(10) === 0 ? 0 : random.below(options.maxBytes);
    return { path: Buffer.from([...folders, name].join("/")), content: random.bytes(bytes) };
  });
}

/** Names that careless programs stumble over; every one of them is a valid file name on Linux. */
export function oddTree(seed: number): TreeFile[] {
  const random = new Random(seed);
  const names = [
    "with blanks  in it .txt",
    ` "quoted" 'twice' \`and\` $(more).txt`,
    "line\nbreak\r\n.txt",
    "tab\tand\x1bescape\x7f",
    "émoji 🎬👩‍💻.txt",
    "percent 100%.txt",
    "percent %2F and %00 and %",
    "back\\slash*?[a]{b,c}!",
    "-rf",
    "--help",
    "~",
    "#",
    "a.",
    "CON",
    "streamsend",
    "x".repeat(255),
    "日本語/ファイル.txt",
    "e\u0301 and \u00e9",
    "\ufeffbyte order mark",
    "folder with\nline break/🎬/file",
  ].map((name) => Buffer.from(name));
  const noUtf8 = ["caf\xe9.txt", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "d\xe9p\xf4t/\xe9t\xe9.txt", "%\xe9"];
  const paths = [...names, ...noUtf8.map((name) => Buffer.from(name, "latin1"))];
  return paths.map((path) => ({ path, content: random.bytes(random.below(3000)) }));
}

/** A large file of random bytes, written by the system's own tools. */
export async function writeLargeFile(path: string, bytes: number): Promise<void> {
  // Under a hidden name first: a machine that is busy may pause in the middle of it for longer than files settle.
  const write = 'hidden=$(dirname "$0")/.$$; head -c "$1" /dev/urandom > "$hidden" && mv "$hidden" "$0"';
  const child = Bun.spawn(["bash", "-c", write, path, String(bytes)]);
  if ((await child.exited) !== 0) throw new Error(`cannot write ${bytes} bytes to ${path}`);
}

function dirnameOf(path: Buffer): Buffer {
  return Buffer.from(dirname(path.toString("latin1")), "latin1");
}
