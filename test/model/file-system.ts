/**
 * The file system of a simulated disk: names, a journal of their changes, and what a power cut leaves of it. A rename is
 * atomic; a change of a folder is there for good when the folder, or the other one of a rename, was synced.
 */
import type { FilePath } from "../../agent/lib/disk.ts";
import type { Random } from "../support/random.ts";
import { type Luck, SimulatedFile, SimulatedFolder, type SimulatedNode, wallNs } from "./inode.ts";

/** One entry of a folder that was set, or taken away. */
interface EntryChange {
  folder: SimulatedFolder;
  name: string;
  node: SimulatedNode | undefined;
}

const mostNameBytes = 255;
/** A byte of a name that is no text stands there as a lone surrogate, as Python has it. */
const byteBase = 0xdc00;

/** One call's changes: all of them are kept, or none. */
type JournalEntry = readonly EntryChange[];

/** A path as it is kept: names of different bytes are different texts. */
export function textOf(path: FilePath): string {
  if (typeof path === "string") return path;
  return path.toString("latin1").split("/").map(nameOf).join("/");
}

/** A name as the system's list shows it. */
export function shownName(name: string): string {
  return bytesOf(name).toString();
}

/** An error as the system reports it. */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

export class SimulatedFileSystem {
  readonly root = new SimulatedFolder();
  #journal: JournalEntry[] = [];

  /** The node at a path, `undefined` when there is none. Throws ENOTDIR and ENAMETOOLONG. */
  at(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.root;
    for (const name of namesOf(path)) {
      if (node === undefined) return undefined;
      if (node.kind !== "folder") throw systemError("ENOTDIR", path);
      requireShort(name, path);
      node = node.entries.get(name);
    }
    return node;
  }

  /** The node that stands at a path after the worst power cut. */
  durableAt(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.root;
    for (const name of namesOf(path)) node = node?.kind === "folder" ? node.durable.get(name) : undefined;
    return node;
  }

  file(path: string): SimulatedFile {
    const node = this.at(path);
    if (!node) throw systemError("ENOENT", path);
    if (node.kind !== "file") throw systemError("EISDIR", path);
    return node;
  }

  folder(path: string): SimulatedFolder {
    const node = this.at(path);
    if (!node) throw systemError("ENOENT", path);
    if (node.kind !== "folder") throw systemError("ENOTDIR", path);
    return node;
  }

  /** The file at the path, made when there is none. */
  opened(path: string, mtime: bigint): SimulatedFile {
    if (this.at(path)) return this.file(path);
    const file = new SimulatedFile(mtime);
    this.#change({ ...this.#entry(path), node: file });
    return file;
  }

  /** A file that has no name yet, or another one as well, gets this one. */
  add(path: string, file: SimulatedFile): void {
    if (this.at(path)) throw systemError("EEXIST", path);
    file.changedAt = wallNs();
    this.#change({ ...this.#entry(path), node: file });
  }

  makeFolder(path: string, mode?: number): void {
    if (this.at(path)) throw systemError("EEXIST", path);
    this.#change({ ...this.#entry(path), node: new SimulatedFolder(mode) });
  }

  link(path: string, name: string): void {
    const node = this.at(path);
    if (!node) throw systemError("ENOENT", path);
    if (node.kind === "folder") throw systemError("EPERM", path);
    if (this.at(name)) throw systemError("EEXIST", name);
    this.#change({ ...this.#entry(name), node });
  }

  /** Whether a rename changes anything: between two names of one file it does not. Throws what it would. */
  canRename(from: string, to: string): boolean {
    const node = this.at(from);
    if (!node) throw systemError("ENOENT", from);
    const { folder, name } = this.#entry(to);
    const replaced = folder.entries.get(name);
    if (!replaced || replaced === node) return replaced !== node;
    if (replaced.kind !== node.kind) throw systemError(node.kind === "file" ? "EISDIR" : "ENOTDIR", to);
    if (replaced.kind === "folder" && replaced.entries.size > 0) throw systemError("ENOTEMPTY", to);
    return true;
  }

  rename(from: string, to: string): void {
    const node = this.at(from);
    if (!node) throw systemError("ENOENT", from);
    if (node.kind === "file") node.changedAt = wallNs();
    this.#change({ ...this.#entry(from), node: undefined }, { ...this.#entry(to), node });
  }

  remove(path: string): void {
    if (this.at(path)) this.#change({ ...this.#entry(path), node: undefined });
  }

  /** Everything is there for good. */
  syncAll(): void {
    for (const file of this.files().values()) file.sync();
    for (const entry of this.#journal.splice(0)) commit(entry);
  }

  syncFolder(folder: SimulatedFolder): void {
    const synced = new Set(this.#journal.filter((entry) => entry.some((change) => change.folder === folder)));
    // What came before to the same names is in the journal before it.
    for (const entry of [...this.#journal].reverse())
      if ([...synced].some((later) => isSameName(entry, later))) synced.add(entry);
    for (const entry of this.#journal) if (synced.has(entry)) commit(entry);
    this.#journal = this.#journal.filter((entry) => !synced.has(entry));
  }

  /** All that everybody sees of a folder, as it is now. */
  snapshot(path: string): SimulatedFolder {
    return copied(this.folder(path), new Map());
  }

  /** Puts back what a folder held when the snapshot was taken. */
  rollBack(path: string, snapshot: SimulatedFolder): void {
    const folder = this.folder(path);
    folder.entries = copied(snapshot, new Map()).entries;
    folder.durable = new Map(folder.entries);
    this.#journal = [];
  }

  /** All files that have a name, by one of their paths. */
  files(): Map<string, SimulatedFile> {
    return filesIn(this.root, "");
  }

  powerCut(luck: Luck, random: Random): void {
    for (const entry of this.#journal.splice(0))
      if (luck === "all" || (luck === "some" && random.below(2) === 0)) commit(entry);
    restore(this.root, luck, random);
  }

  #change(...entry: EntryChange[]): void {
    for (const { folder, name, node } of entry) set(folder.entries, name, node);
    this.#journal.push(entry);
  }

  #entry(path: string): { folder: SimulatedFolder; name: string } {
    const names = namesOf(path);
    const name = names.pop() ?? "";
    const folder = this.folder(`/${names.join("/")}`);
    requireShort(name, path);
    return { folder, name };
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** @param latin1 its bytes, each as a character */
function nameOf(latin1: string): string {
  const bytes = Buffer.from(latin1, "latin1");
  const text = bytes.toString();
  if (Buffer.from(text).equals(bytes)) return text;
  return latin1.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(byteBase + byte.charCodeAt(0)));
}

function bytesOf(name: string): Buffer {
  return name.isWellFormed() ? Buffer.from(name) : Buffer.from(Array.from(name, (one) => one.charCodeAt(0)));
}

function requireShort(name: string, path: string): void {
  if (bytesOf(name).length > mostNameBytes) throw systemError("ENAMETOOLONG", path);
}

function filesIn(folder: SimulatedFolder, path: string): Map<string, SimulatedFile> {
  const found = new Map<string, SimulatedFile>();
  for (const [name, node] of folder.entries) {
    if (node.kind === "file") found.set(`${path}/${name}`, node);
    else for (const [inner, file] of filesIn(node, `${path}/${name}`)) found.set(inner, file);
  }
  return found;
}

/** @param files that were copied already: one may have several names */
function copied(folder: SimulatedFolder, files: Map<SimulatedFile, SimulatedFile>): SimulatedFolder {
  const copy = new SimulatedFolder(folder.mode);
  for (const [name, node] of folder.entries) {
    const file = node.kind === "file" ? (files.get(node) ?? node.copy()) : undefined;
    if (node.kind === "file" && file) files.set(node, file);
    copy.entries.set(name, file ?? copied(node as SimulatedFolder, files));
  }
  copy.durable = new Map(copy.entries);
  return copy;
}

function isSameName(entry: JournalEntry, other: JournalEntry): boolean {
  return entry.some((a) => other.some((b) => a.folder === b.folder && a.name === b.name));
}

function commit(entry: JournalEntry): void {
  for (const { folder, name, node } of entry) set(folder.durable, name, node);
}

function set(entries: Map<string, SimulatedNode>, name: string, node: SimulatedNode | undefined): void {
  if (node) entries.set(name, node);
  else entries.delete(name);
}

function restore(folder: SimulatedFolder, luck: Luck, random: Random): void {
  folder.entries = new Map(folder.durable);
  for (const node of folder.entries.values()) {
    if (node.kind === "file") node.powerCut(luck, random);
    else restore(node, luck, random);
  }
}
