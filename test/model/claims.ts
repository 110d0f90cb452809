/** What a mark of the group says of true versions, and which of those nobody will ever note: by the rules of docs/protocol.md, plainly. */
import { chunkKey, type VersionId } from "../../agent/wire/chunk.ts";
import type { DoneEntry, FilesEntry } from "../../agent/wire/entry.ts";
import { wasSentWhole } from "../../agent/wire/entry-value.ts";
import { versionName } from "./truth.ts";

interface NotedPlace {
  topic: string;
  offset: number;
  partition: number;
  checksum: string;
  /** The ledger offset at which it was noted first. */
  at: number;
}

export class Claims {
  /** Of what was noted as sent whole in this ledger, by version. */
  #noted = new Map<string, NotedPlace>();
  /** And in ledgers that are no more. */
  #notedBefore = new Map<string, NotedPlace>();
  /** By file, the newest version of which anything was. */
  #newest = new Map<string, number>();
  #said = new Map<string, FilesEntry>();
  /** By uploader and partition, the newest. */
  #marks = new Map<string, DoneEntry>();

  /** A batch is written, at this offset of the ledger. */
  batch(entry: FilesEntry, offset: number): void {
    const { uploader, epoch } = entry;
    for (const file of entry.files) {
      const id = { uploader, path: file.path, version: file.version };
      this.#newest.set(chunkKey(id), Math.max(this.#newest.get(chunkKey(id)) ?? 0, id.version));
    }
    for (const [name, place] of placesOf(entry, offset)) this.#noted.set(name, place);
    // Who has lost the name says nothing any more.
    if (epoch >= (this.#said.get(uploader)?.epoch ?? 0)) this.#said.set(uploader, entry);
  }

  /** A batch is written that is meant for a ledger that is no more: who does not know that yet may read it. */
  strayBatch(entry: FilesEntry, offset: number): void {
    for (const [name, place] of placesOf(entry, offset)) this.#notedBefore.set(name, place);
  }

  ledgerIsNew(): void {
    this.#notedBefore = new Map([...this.#notedBefore, ...this.#noted]);
    this.#noted = new Map();
    this.#newest = new Map();
    this.#said = new Map();
    this.#marks = new Map();
  }

  /** A mark is written. */
  mark(entry: DoneEntry): void {
    this.#marks.set(`${entry.uploader} ${entry.partition}`, entry);
  }

  /** Whether the ledger says that the group has the version, or a newer one. */
  isClaimedNow(id: VersionId): boolean {
    return [...this.#marks.values()].some((mark) => this.isClaimed(mark, id));
  }

  /** Whether the mark says that the group has the version, or a newer one. */
  isClaimed(mark: DoneEntry, id: VersionId): boolean {
    return this.#isClaimed(mark, id, this.#noted.get(versionName(id)));
  }

  /** The same of a mark for a ledger that is no more. */
  wasClaimed(mark: DoneEntry, id: VersionId): boolean {
    return this.#isClaimed(mark, id, this.#notedBefore.get(versionName(id)));
  }

  #isClaimed(mark: DoneEntry, id: VersionId, noted: NotedPlace | undefined): boolean {
    if (mark.uploader !== id.uploader) return false;
    const { version } = id;
    const early = mark.early.find(({ path }) => path === id.path);
    if (early?.version === version && (!noted || noted.checksum === early.checksum)) return true;
    if (noted?.partition !== mark.partition || !isCovered(mark, noted, version)) return false;
    return (
      mark.also.includes(version) || (noted.at < mark.at && version <= mark.to && !mark.but.includes(version))
    );
  }

  /** Whether a newer version of its path was noted. */
  isSuperseded(id: VersionId): boolean {
    return (this.#newest.get(chunkKey(id)) ?? 0) > id.version;
  }

  /** Whether nobody will ever note it: its uploader was killed before it did. */
  isDead(id: VersionId): boolean {
    const said = this.#said.get(id.uploader);
    if (!said || this.#noted.has(versionName(id))) return false;
    return id.version < said.next && !said.open.includes(id.version);
  }
}

/** What was sent before the group began, its mark says nothing of. */
function isCovered({ start }: DoneEntry, { topic, offset }: NotedPlace, version: number): boolean {
  if (!start) return true;
  return topic === start.topic ? offset >= start.offset : version >= start.ms * 1000;
}

/** Where its versions are that were sent whole. */
function placesOf({ uploader, files }: FilesEntry, offset: number): [name: string, place: NotedPlace][] {
  return files.flatMap((file): [string, NotedPlace][] => {
    if (!wasSentWhole(file)) return [];
    const { path, version, topic, partition, checksum, at = offset } = file;
    return [
      [versionName({ uploader, path, version }), { topic, partition, offset: file.offset, checksum, at }],
    ];
  });
}
