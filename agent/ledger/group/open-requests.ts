/** The group's requests that stand in the ledger: one version of each file, the newest that was asked for. */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { chunkKey, type FileId, type VersionId } from "../../wire/chunk.ts";

/** A request that stands in the ledger. */
interface OpenRequest extends VersionId {
  /** Since when, by the brokers' clock, milliseconds since 1970. */
  sinceMs: number;
}

/** Requests that are kept. What is forgotten may be asked for once more. */
const maxRequests = 20_000;
const maxBytes = 6 << 20;

export class OpenRequests {
  #byFile = noRequests();

  get size(): number {
    return this.#byFile.size;
  }

  /** Notes a request. Returns the older one of two that are for different versions of the file. */
  note({ uploader, path, version }: VersionId, sinceMs: number): VersionId | undefined {
    const request = { uploader, path, version, sinceMs };
    const known = this.#byFile.get(chunkKey(request)) ?? request;
    const [older, newer] = known.version < version ? [known, request] : [request, known];
    this.#byFile.set(chunkKey(request), newer);
    return older.version < newer.version ? older : undefined;
  }

  /** Whether a request for the version stands in the ledger, as far as that was read. */
  has(id: VersionId): boolean {
    return this.versionOf(id) === id.version;
  }

  /** Since when the version is asked for, by the brokers' clock, milliseconds since 1970; `undefined`: it is not. */
  sinceMs(id: VersionId): number | undefined {
    const request = this.#byFile.get(chunkKey(id));
    return request?.version === id.version ? request.sinceMs : undefined;
  }

  /** The version of the file that is asked for. */
  versionOf(file: FileId): number | undefined {
    return this.#byFile.get(chunkKey(file))?.version;
  }

  /** A request for the version was taken back. */
  remove(id: VersionId): void {
    if (this.has(id)) this.#byFile.delete(chunkKey(id));
  }

  /** Removes those that `isObsolete`, and returns them. */
  removeObsolete(isObsolete: (id: VersionId) => boolean): VersionId[] {
    const removed = [...this.#byFile.values()].filter(isObsolete);
    for (const id of removed) this.#byFile.delete(chunkKey(id));
    return removed;
  }

  pack(to: Packer): void {
    to.list(this.#byFile.values(), ({ uploader, path, version, sinceMs }) =>
      to.text(uploader).text(path).number(version).number(sinceMs),
    );
  }

  unpack(from: Unpacker): void {
    const id = () => ({ uploader: from.text(), path: from.text(), version: from.number() });
    for (const [one, sinceMs] of from.list(() => [id(), from.number()] as const)) this.note(one, sinceMs);
  }

  /** The ledger was recreated. */
  clear(): void {
    this.#byFile = noRequests();
  }
}

function noRequests(): BoundedMap<string, OpenRequest> {
  return new BoundedMap<string, OpenRequest>(maxRequests, {
    most: maxBytes,
    of: (key, { path }) => 250 + textBytes(key) + textBytes(path),
  });
}
