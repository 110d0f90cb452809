/** The truth of a simulated world: every version as its uploader meant it, and where its parts are on a disk. */
import { createHash } from "node:crypto";
import { noteEnding, partialName } from "../../agent/downloader/store/store.ts";
import type { Attributes } from "../../agent/wire/attributes.ts";
import { chunkKey, type VersionId } from "../../agent/wire/chunk.ts";
import { filedKey } from "../../agent/wire/filed-under.ts";
import type { SimulatedDisk } from "./disk.ts";

export interface TrueVersion extends VersionId {
  content: Buffer;
  /** Nanoseconds since 1970. */
  mtime: bigint;
  checksum: string;
  /** Chunks of it were sent with other bytes than the file's. */
  lied: boolean;
  abandoned: boolean;
  /** As its first last chunk had them. */
  attributes?: Attributes | "none";
}

export const output = "/out";
export const storeFolder = `${output}/.streamsend`;
export const partialsFolder = `${storeFolder}/partial/`;

export class Truth {
  /** By file, the newest last. */
  readonly #versions = new Map<string, TrueVersion[]>();
  readonly #byPartial = new Map<string, TrueVersion>();

  /** The highest that was ever given. */
  highestVersion = 0;

  /** Returns what is wrong with its number, if anything is. */
  begin(version: TrueVersion): string | undefined {
    const key = chunkKey(version);
    const before = this.#versions.get(key) ?? [];
    this.#versions.set(key, [...before, version]);
    this.#byPartial.set(partialName(version), version);
    this.highestVersion = Math.max(this.highestVersion, version.version);
    const older = before.at(-1)?.version ?? 0;
    if (version.version > older) return undefined;
    return `${versionName(version)} is newer than version ${older}, and not numbered so`;
  }

  /** Whoever has lost its name to another agent sends what it had taken up before, with an older number. */
  beginLate(version: TrueVersion): undefined {
    const key = chunkKey(version);
    const all = [...(this.#versions.get(key) ?? []), version].sort((a, b) => a.version - b.version);
    this.#versions.set(key, all);
    this.#byPartial.set(partialName(version), version);
  }

  /** @param key of the file, as of its chunks */
  find(key: string, version: number | undefined): TrueVersion | undefined {
    return this.#versions.get(key)?.find((one) => one.version === version);
  }

  /** All that has this number, whoever of the name has given it. @param key of the file, as it stands in an output */
  filedAs(key: string, version: number | undefined): TrueVersion[] {
    return [...this.all()].filter((one) => one.version === version && filedKey(one) === key);
  }

  *all(): Generator<TrueVersion> {
    for (const versions of this.#versions.values()) yield* versions;
  }

  versionsOf(key: string): readonly TrueVersion[] {
    return this.#versions.get(key) ?? [];
  }

  isNewest(version: TrueVersion): boolean {
    return this.#versions.get(chunkKey(version))?.at(-1) === version;
  }

  /** The version whose partial is at the path. */
  atPartial(path: string): TrueVersion | undefined {
    return path.startsWith(partialsFolder)
      ? this.#byPartial.get(path.slice(partialsFolder.length))
      : undefined;
  }
}

/** Whether bytes of a version, `[from, to)`, stand on a disk after the worst power cut. */
export function stands(disk: SimulatedDisk, version: TrueVersion, from: number, to: number): boolean {
  const note = durableNote(disk, version);
  const file = disk.files.durableAt(`${partialsFolder}${partialName(version)}`);
  if (file?.kind !== "file" || !note) return false;
  const isCovered = note.coverage.some(([start, end]) => start <= from && to <= end) || from === to;
  const isMarked = to < version.content.length || note.checksum !== undefined;
  const bytes = file.durable.bytes.subarray(from, to);
  return isCovered && isMarked && bytes.equals(version.content.subarray(from, to));
}

/** Where it stands in an output. */
export function placeOf(version: VersionId): string {
  return `${output}/${filedKey(version)}`;
}

/** Whether a version has its name on a disk after the worst power cut. */
export function isPublished(disk: SimulatedDisk, version: TrueVersion): boolean {
  const there = disk.files.durableAt(placeOf(version));
  return there?.kind === "file" && there.version === version.version;
}

/** The note on a version's partial as it is after the worst power cut. */
export function durableNote(
  disk: SimulatedDisk,
  version: TrueVersion,
): { coverage: [number, number][]; checksum?: string } | undefined {
  const note = disk.files.durableAt(partialsFolder + partialName(version) + noteEnding);
  if (note?.kind !== "file" || note.durable.bytes.length === 0) return undefined;
  return JSON.parse(note.durable.bytes.toString());
}

/** Whether these are the version's attributes, as far as those are known. */
export function hasAttributes({ attributes }: TrueVersion, given: Attributes | undefined): boolean {
  return attributes === undefined || Bun.deepEquals(attributes, given ?? "none");
}

export function md5(bytes: Buffer): string {
  return `md5:${createHash("md5").update(bytes).digest("hex")}`;
}

export function versionName(id: VersionId): string {
  return `${chunkKey(id)} (version ${id.version})`;
}
