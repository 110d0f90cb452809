/**
 * What uploaders have sent and the group has neither delivered nor failed: the newest version of each path. Bounded, and
 * shared out fairly: when it is full, whoever has least gets the place of one of whoever has most, so that uploaders that are
 * gone for good take no place from the others. What does not fit is found when the ledger is read again.
 */
import { textBytes } from "../../lib/bounded-map.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { type Attributes, attributesBytes } from "../../wire/attributes.ts";
import { type FileId, mapKey, type VersionId } from "../../wire/chunk.ts";
import { type FileValue, wasSentWhole } from "../../wire/entry-value.ts";
import { type Place, placesOf } from "../../wire/places.ts";

/** A version that was sent whole, and where. */
export interface Sent extends VersionId {
  /** Bytes. */
  size: number;
  checksum: string;
  attributes?: Attributes | undefined;
  topic: string;
  /** The one that its uploader names first. */
  partition: number;
  /** Of its last chunk in that. */
  offset: number;
  /** One, or several where it is spread. */
  places: readonly Place[];
  /** The uploader no longer has it. */
  gone: boolean;
  /** A newer version was begun, or given up: nobody answers for this one any more, but it is welcome as long as no newer one is whole. */
  isReplaced: boolean;
}

/** What a file's entry says of it, if it was sent whole. */
export function sentVersion(id: VersionId, value: FileValue): Sent | undefined {
  if (!wasSentWhole(value)) return undefined;
  const { state, size, checksum, attributes, topic, partition, offset } = value;
  const where = { topic, partition, offset, places: placesOf(value) };
  return { ...id, size, checksum, attributes, ...where, gone: state === "gone", isReplaced: false };
}

interface Share {
  readonly uploader: string;
  /** See `mapKey`. */
  readonly byFile: Map<string, Sent>;
  bytes: number;
  /** It has more than fits. */
  hasMore: boolean;
}

export const maxOutstanding = 10_000;
const maxOfUploader = 2000;
/** What all of them may take, and what one uploader's: a path and its `from` can be long. */
const maxBytes = 6 << 20;
const maxBytesOfUploader = maxBytes / 4;
/** With less than this part of a full share left it is time to look for more. */
const fewOfShare = 0.1;

export class Outstanding {
  readonly #shares = new Map<string, Share>();
  /** Shares by how many are in them: the largest is found at once. */
  readonly #bySize: Set<Share>[] = [];
  #largest = 0;
  #size = 0;
  #bytes = 0;
  /** There are more uploaders than are told apart. */
  #isCrowded = false;

  get size(): number {
    return this.#size;
  }

  /** Whether there was more of the uploader than fits: something of it may be missing here. */
  overflowed(uploader: string): boolean {
    return this.#shares.get(uploader)?.hasMore ?? this.#isCrowded;
  }

  /** The uploaders of which there was more than fits. */
  *overflowing(): Generator<string> {
    for (const { uploader, hasMore } of this.#shares.values()) if (hasMore) yield uploader;
  }

  /** Whether something that did not fit would by now. */
  get mayTakeMore(): boolean {
    const fair = Math.min(maxOfUploader, maxOutstanding / Math.max(1, this.#shares.size));
    for (const { byFile, bytes, hasMore } of this.#shares.values())
      if (
        hasMore &&
        byFile.size < fewOfShare * fair &&
        bytes < fewOfShare * maxBytesOfUploader &&
        this.#hasPlaceFor(byFile.size)
      )
        return true;
    return false;
  }

  /** The uploaders take turns: none comes only after all of another's. */
  *values(): Generator<Sent> {
    let turns = [...this.#shares.values()].map(({ byFile }) => byFile.values());
    while (turns.length > 0) {
      const left: typeof turns = [];
      for (const turn of turns) {
        const { value, done } = turn.next();
        if (done) continue;
        yield value;
        left.push(turn);
      }
      turns = left;
    }
  }

  /** The version of its path, replacing an older one. Not one that is older itself: of an agent that had lost its name. */
  put(sent: Sent): void {
    const share = this.#shareOf(sent.uploader);
    const known = share?.byFile.get(mapKey(sent));
    if (!share || (known?.version ?? 0) > sent.version || !this.hasRoomFor(sent)) return;
    if (!known && this.#size >= maxOutstanding) this.#takeFromLargest();
    this.#change(share, () => this.#set(share, sent));
    if (this.#bytes > maxBytes) this.#lighten();
  }

  /** Whether the version would be kept. If it is not, it is looked for when there is room again. */
  hasRoomFor(sent: Sent): boolean {
    const share = this.#shareOf(sent.uploader);
    if (!share || share.byFile.has(mapKey(sent))) return share !== undefined;
    const isFull = share.byFile.size >= maxOfUploader || share.bytes + bytesOf(sent) > maxBytesOfUploader;
    if (!isFull && this.#hasPlaceFor(share.byFile.size)) return true;
    share.hasMore = true;
    return false;
  }

  /** This version of its path was noted, and not as sent whole: what is older stays welcome. */
  replace({ uploader, path, version }: VersionId): void {
    const known = this.newestOf({ uploader, path });
    if (known?.version === version) this.settle(known);
    else if (known && known.version < version && !known.isReplaced) this.put({ ...known, isReplaced: true });
  }

  /** This version or a newer one of its path is delivered, failed, or superseded. */
  settle(id: VersionId): void {
    this.settleFile(id.uploader, mapKey(id), id.version);
  }

  /** The same, of a file of this key: see `mapKey`. */
  settleFile(uploader: string, key: string, version: number): void {
    const share = this.#shares.get(uploader);
    const known = share?.byFile.get(key);
    if (!share || !known || known.version > version) return;
    this.#change(share, () => this.#delete(share, key));
    if (share.byFile.size > 0 || share.hasMore) return;
    this.#shares.delete(uploader);
    this.#bySize[0]?.delete(share);
  }

  has(id: VersionId): boolean {
    return this.newestOf(id)?.version === id.version;
  }

  /** The version of the file that is outstanding. */
  newestOf(file: FileId): Sent | undefined {
    return this.#shares.get(file.uploader)?.byFile.get(mapKey(file));
  }

  pack(to: Packer): void {
    to.flag(this.#isCrowded);
    to.list(this.#shares.values(), ({ uploader, hasMore, byFile }) =>
      to
        .text(uploader)
        .flag(hasMore)
        .list(byFile.values(), (sent) => to.text(JSON.stringify(sent))),
    );
  }

  unpack(from: Unpacker): void {
    const isCrowded = from.flag();
    for (const uploader of from.list(() => from.text())) {
      const share = this.#shareOf(uploader);
      const hasMore = from.flag();
      for (const sent of from.list(() => JSON.parse(from.text()) as Sent))
        if (share) this.#change(share, () => this.#set(share, sent));
      if (share) share.hasMore = hasMore;
    }
    this.#isCrowded = isCrowded;
  }

  #shareOf(uploader: string): Share | undefined {
    const known = this.#shares.get(uploader);
    if (known) return known;
    if (this.#shares.size >= maxOutstanding) {
      this.#isCrowded = true;
      return undefined;
    }
    const share: Share = { uploader, byFile: new Map(), bytes: 0, hasMore: false };
    this.#shares.set(uploader, share);
    this.#bucket(0).add(share);
    return share;
  }

  /** @param count how many the uploader has */
  #hasPlaceFor(count: number): boolean {
    return this.#size < maxOutstanding || count + 1 < this.#largest;
  }

  #takeFromLargest(): void {
    const [share] = this.#bucket(this.#largest);
    const [oldest] = share?.byFile.keys() ?? [];
    if (!share || oldest === undefined) return;
    this.#change(share, () => this.#delete(share, oldest));
    share.hasMore = true;
  }

  /** Whoever takes most bytes gives half of them. */
  #lighten(): void {
    const [first, ...others] = this.#shares.values();
    if (!first) return;
    const heaviest = others.reduce((most, share) => (share.bytes > most.bytes ? share : most), first);
    const goal = heaviest.bytes / 2;
    for (const key of heaviest.byFile.keys()) {
      if (heaviest.bytes <= goal) break;
      this.#change(heaviest, () => this.#delete(heaviest, key));
    }
    heaviest.hasMore = true;
  }

  #set(share: Share, sent: Sent): void {
    const key = mapKey(sent);
    this.#delete(share, key);
    share.byFile.set(key, sent);
    share.bytes += bytesOf(sent);
    this.#bytes += bytesOf(sent);
  }

  #delete(share: Share, key: string): void {
    const known = share.byFile.get(key);
    if (!known) return;
    share.byFile.delete(key);
    share.bytes -= bytesOf(known);
    this.#bytes -= bytesOf(known);
  }

  #change(share: Share, change: () => void): void {
    const before = share.byFile.size;
    change();
    const after = share.byFile.size;
    this.#size += after - before;
    this.#bucket(before).delete(share);
    this.#bucket(after).add(share);
    this.#largest = Math.max(this.#largest, after);
    while (this.#largest > 0 && this.#bucket(this.#largest).size === 0) this.#largest--;
  }

  #bucket(size: number): Set<Share> {
    this.#bySize[size] ??= new Set();
    return this.#bySize[size];
  }
}

/** About what a version takes in memory. */
function bytesOf({ path, checksum, attributes, topic, places }: Sent): number {
  const texts = textBytes(path) + textBytes(checksum) + textBytes(topic);
  return 500 + texts + attributesBytes(attributes) + 100 * (places.length - 1);
}
