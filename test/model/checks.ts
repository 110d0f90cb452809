/**
 * Over 300 lines: each of these checks needs what all the others have seen.
 *
 * What must hold in a simulated world, whatever happens there: each name that is given, each receipt and each commit is
 * held against the truth the moment it is made.
 */
import { noteEnding } from "../../agent/downloader/store/store.ts";
import type { Position } from "../../agent/kafka/log-reader.ts";
import { chunkKey, decodeRecord, type VersionId } from "../../agent/wire/chunk.ts";
import { type DoneEntry, type Entry, keyOf } from "../../agent/wire/entry.ts";
import { filedKey } from "../../agent/wire/filed-under.ts";
import { versionedPath } from "../../agent/wire/path.ts";
import { Claims } from "./claims.ts";
import type { DiskWatcher, SimulatedDisk } from "./disk.ts";
import type { SimulatedFile } from "./inode.ts";
import type { SimulatedTopic } from "./topic.ts";
import {
  durableNote,
  hasAttributes,
  isPublished,
  output,
  partialsFolder,
  placeOf,
  stands,
  storeFolder,
  type TrueVersion,
  type Truth,
  versionName,
} from "./truth.ts";
import type { Process } from "./turns.ts";

/** A machine with a downloader, as the checks see it. */
export interface Machine {
  readonly disk: SimulatedDisk;
  /** Files of which a chunk was let pass by for want of room, or of partitions, and is fetched later. */
  readonly parked: ReadonlySet<string>;
  /** When the process was told last that it is a member of the group, by the world's clock. */
  confirmedAtMs(process: Process): number;
}

/** As in the durable point: so long an accepted commit stands for membership. */
const membershipMs = 10_000;

/** What nobody knows the version of is kept as 0, 1 and so on; versions are microseconds. */
const lastUnknown = 1000;

/** Something that must never be. */
export class Violation extends Error {}

export class Checks implements DiskWatcher {
  readonly #topic: SimulatedTopic;
  readonly #nowMs: () => number;
  readonly #trace: (line: string) => void;
  readonly #truth: Truth;
  readonly #keepsBoth: boolean;
  readonly #machines = new Map<Process, Machine>();
  readonly #delivered = new Set<string>();
  /** Also what was asked for again since, or delivered by a ledger that is no more. */
  readonly #everDelivered = new Set<string>();
  readonly #failed = new Map<string, string>();
  readonly #outdated = new Set<string>();
  /** What stands, or stood, under its name on each disk. */
  readonly #published = new Map<SimulatedDisk, Map<string, SimulatedFile>>();
  /** Files of which the ledger may not tell any more what was stored: their uploader has forgotten them, say. */
  readonly #forgotten = new Set<string>();
  /** Versions that were asked for again on purpose, and their files. */
  readonly #again = new Map<string, string>();
  /** Of those the ones that are asked for now, whatever a mark says. */
  readonly #wished = new Set<string>();
  readonly #claims = new Claims();
  /** Of these versions somebody took the file away. */
  readonly #taken = new Set<string>();
  /** Of these files somebody took a name away: perhaps the one that it was just being kept under. */
  readonly #namesTaken = new Set<SimulatedFile>();
  /** Versions that were on a disk which was rolled back, and that disk. */
  readonly #rolledBack = new Map<string, SimulatedDisk>();
  /** Also if all was on it that had been: it can have had its name without the disk's knowing, and a machine goes by what that knows. */
  #wasRolledBack = false;
  /** Disks whose store was deleted: they may have forgotten what they published without a receipt. */
  readonly #forgetful = new Set<SimulatedDisk>();
  #hasNewLedger = false;
  /** What was settled by a ledger that is no more. */
  readonly #settledBefore = new Set<string>();
  readonly counts = { published: 0, receipts: 0, commits: 0, covered: 0, failed: 0, resumed: 0 };
  /** The first that was found. */
  violation: Violation | undefined;

  /** @param keepsBoth whether an older version is to be kept when a newer one comes */
  constructor(
    truth: Truth,
    topic: SimulatedTopic,
    keepsBoth: boolean,
    nowMs: () => number,
    trace: (line: string) => void,
  ) {
    this.#truth = truth;
    this.#keepsBoth = keepsBoth;
    this.#topic = topic;
    this.#nowMs = nowMs;
    this.#trace = trace;
  }

  called(process: Process, what: string): void {
    this.#trace(`${process.name}: ${what}`);
  }

  violate(what: string): void {
    this.violation ??= new Violation(what);
  }

  runs(process: Process, machine: Machine): void {
    this.#machines.set(process, machine);
  }

  /** Whether it is a downloader's process. */
  isMachines(process: Process): boolean {
    return this.#machines.has(process);
  }

  isDelivered(id: VersionId): boolean {
    return this.#delivered.has(versionName(id));
  }

  /** Whether a group has ever said that it has the version. */
  wasDelivered(id: VersionId): boolean {
    return this.#everDelivered.has(versionName(id));
  }

  /** Whether it counts as delivered, as the group has, or had, a newer version of its path by another one of the name. */
  isOutdated(id: VersionId): boolean {
    return this.#outdated.has(versionName(id));
  }

  #hasNewerBeside(version: TrueVersion): boolean {
    const isNewer = (other: TrueVersion) =>
      other.version > version.version &&
      other.uploader !== version.uploader &&
      filedKey(other) === filedKey(version);
    const has = (other: TrueVersion) =>
      this.#everDelivered.has(versionName(other)) ||
      [...this.#published.keys()].some((disk) => isPublished(disk, other));
    return [...this.#truth.all()].some((other) => isNewer(other) && has(other));
  }

  /** Why a version has failed, if it has. */
  failure(id: VersionId): string | undefined {
    return this.#failed.get(versionName(id));
  }

  wasTaken(id: VersionId): boolean {
    return this.#taken.has(versionName(id));
  }

  naming(disk: SimulatedDisk, _process: Process, from: string, to: string, file: SimulatedFile): void {
    if (to.startsWith(storeFolder)) return;
    if (!from.startsWith(partialsFolder)) {
      this.#keeping(disk, from, to, file);
      return;
    }
    const version = this.#truth.atPartial(from);
    const isBeside = this.#keepsBoth && version && to === versionedPath(placeOf(version), version.version);
    if (!version || (to !== placeOf(version) && !isBeside)) {
      this.violate(`${from} was named ${to}, which is no name of it`);
      return;
    }
    this.#requireWhole(version, file, `published on ${disk.name}`);
    const name = versionName(version);
    const before = disk.files.at(to);
    if (before?.kind === "file" && (before.version ?? 0) > version.version) {
      const newer = this.#truth.filedAs(filedKey(version), before.version);
      if (!this.#forgetful.has(disk) || newer.some((one) => this.#delivered.has(versionName(one))))
        this.violate(`${name} was published over version ${before.version} on ${disk.name}`);
    }
    if (
      this.#keepsBoth &&
      before?.kind === "file" &&
      before.version !== version.version &&
      !this.#namesTaken.has(before) &&
      !isKept(disk, before) &&
      !isAlike(before, file)
    )
      this.violate(`version ${before.version} was lost on ${disk.name}: ${name} has its only name`);
    const published = this.#publishedOn(disk);
    if (published.has(name)) this.violate(`${name} was published twice on ${disk.name}`);
    published.set(name, file);
    file.version = version.version;
    this.counts.published++;
  }

  writing(_disk: SimulatedDisk, path: string): void {
    if (!path.startsWith(storeFolder)) this.violate(`${path} was written where people look`);
  }

  changing(disk: SimulatedDisk, file: SimulatedFile): void {
    if (file.version !== undefined) this.violate(`a published file was written to on ${disk.name}`);
  }

  removing(disk: SimulatedDisk, path: string): void {
    if (!path.startsWith(storeFolder)) {
      this.violate(`${path} was removed`);
      return;
    }
    // The note goes first.
    if (!path.endsWith(noteEnding)) return;
    const partial = path.slice(0, -noteEnding.length);
    const version = this.#truth.atPartial(partial);
    if (!version || this.#isMoot(version) || !disk.files.at(partial)) return;
    if ((durableNote(disk, version)?.coverage.length ?? 0) > 0)
      this.violate(
        `${versionName(version)}: its partial stands for chunks and was thrown away on ${disk.name}`,
      );
  }

  asked(process: Process, path: string, content: string): void {
    if (path !== `${storeFolder}/publishing.json.new`) return;
    // What has its name already only waits for its receipt.
    if ((JSON.parse(content) as { named?: 1 }[]).every(({ named }) => named !== undefined)) return;
    const confirmedAtMs = this.#machines.get(process)?.confirmedAtMs(process) ?? Number.NEGATIVE_INFINITY;
    if (this.#nowMs() - confirmedAtMs > membershipMs)
      this.violate(`${process.name} was about to publish without having asked whether it is a member`);
  }

  /** @param offset of the entry, in the ledger */
  entry(process: Process, entry: Entry, offset: number): void {
    const key = keyOf(entry);
    const isTombstone = entry.kind === "tombstone";
    if (entry.kind === "files") this.#claims.batch(entry, offset);
    if (entry.kind === "done") this.#mark(process, entry);
    if (!("version" in key)) return;
    const name = versionName(key);
    if (entry.kind === "again") this.#wish(process, name, chunkKey(key));
    if (isTombstone && key.kind === "again") this.#wishIsOver(process, key);
    if (isTombstone) return;
    const version = this.#truth.find(chunkKey(key), key.version);
    if (!version) {
      // A stranger may write what he likes.
      if (!this.#machines.has(process)) return;
      this.violate(`an entry speaks of ${name}, which there never was`);
      return;
    }
    if (entry.kind === "failed") {
      this.#failed.set(name, entry.reason);
      this.counts.failed++;
    }
  }

  /** A mark is written: what it says of true versions that was not known before has to be so. */
  #mark(process: Process, mark: DoneEntry): void {
    this.#claims.mark(mark);
    // A stranger may write what he likes.
    if (!this.#machines.has(process)) return;
    for (const { path, version: number, size, checksum, attributes } of mark.early) {
      const version = this.#truth.find(chunkKey({ uploader: mark.uploader, path }), number);
      if (version && !hasAttributes(version, attributes))
        this.violate(`the mark of ${versionName(version)} has other attributes than it was sent with`);
      if (version && (size !== version.content.length || checksum !== version.checksum))
        this.violate(`the mark of ${versionName(version)} speaks of another content`);
    }
    for (const version of this.#truth.all())
      if (this.#claims.isClaimed(mark, version)) this.#claimed(process, version);
  }

  /** An entry is written for a ledger that is no more, at this offset of the one that there is: who does not know that yet may read it. */
  stray(process: Process, entry: Entry, offset: number): void {
    if (entry.kind === "files") this.#claims.strayBatch(entry, offset);
    if (entry.kind === "done") this.#strayMark(process, entry);
  }

  #strayMark(process: Process, mark: DoneEntry): void {
    const disk = this.#machines.get(process)?.disk;
    for (const version of this.#truth.all())
      if (disk && isPublished(disk, version) && this.#claims.wasClaimed(mark, version))
        this.#everDelivered.add(versionName(version));
  }

  #claimed(process: Process, version: TrueVersion): void {
    const name = versionName(version);
    if (this.#delivered.has(name) || this.#wished.has(name)) return;
    this.counts.receipts++;
    const disk = this.#machines.get(process)?.disk;
    // What a member writes to a new ledger another one may have stored.
    const disks = this.#hasNewLedger ? [...this.#machines.values()].map((machine) => machine.disk) : [disk];
    const there = disks.map((one) => {
      const node = one?.files.durableAt(placeOf(version));
      return node?.kind === "file" ? (node.version ?? 0) : 0;
    });
    const isThere = there.includes(version.version);
    // Also by one that its uploader has not noted.
    const isNewerThere = there.some((number) => number > version.version);
    if (!isThere && this.#hasNewerBeside(version)) this.#outdated.add(name);
    if (!isThere && (isNewerThere || this.#outdated.has(name) || this.#claims.isSuperseded(version))) return;
    if (!isThere && this.#failed.has(name)) this.violate(`${name} has failed, and has a receipt`);
    if (!isThere && !this.#taken.has(name))
      this.violate(`${name} has a receipt, and a power cut could take it from ${disk?.name}`);
    this.#delivered.add(name);
    this.#everDelivered.add(name);
  }

  commit(
    process: Process,
    before: number | undefined,
    { partition, offset }: Position,
    metadata: string,
  ): void {
    this.counts.commits++;
    const machine = this.#machines.get(process);
    // A commit for a topic that is no more counts for nothing.
    if (!machine || before === undefined || !metadata.includes(`"${this.#topic.id}"`)) return;
    if (offset > this.#topic.high(partition))
      this.violate(`offset ${offset} of ${partition} is past the log's end`);
    for (const { offset: at, record } of this.#topic.records(partition, before, offset)) {
      const chunk = decodeRecord(record.headers, record.value);
      if (chunk.kind !== "chunk") continue;
      const version = this.#truth.find(chunkKey(chunk), chunk.version);
      if (!version || this.#isMoot(version) || machine.parked.has(filedKey(version))) continue;
      this.counts.covered++;
      const end = chunk.offset + chunk.value.length;
      // Its mark may be in a ledger that was deleted meanwhile: in the new one it is found to be missing, if it is not said there.
      const isSaid = this.#everDelivered.has(versionName(version));
      if (!isSaid && !stands(machine.disk, version, chunk.offset, end))
        this.violate(
          `${process.name} committed ${partition}@${offset}, past ${at}: bytes ${chunk.offset} to ${end} of ${versionName(version)}, which a power cut could take`,
        );
    }
  }

  /** Somebody takes a file out of the inbox. */
  take(disk: SimulatedDisk, path: string): void {
    const node = disk.files.at(path);
    if (node?.kind !== "file" || node.version === undefined) return;
    this.#namesTaken.add(node);
    const [version] = this.#truth.filedAs(path.slice(output.length + 1), node.version);
    if (!version) return;
    this.#taken.add(versionName(version));
    if (!this.isDelivered(version)) this.#publishedOn(disk).delete(versionName(version));
  }

  #wishIsOver(process: Process, id: VersionId): void {
    const version = this.#truth.find(chunkKey(id), id.version);
    if (!this.#wished.delete(versionName(id)) || !version) return;
    if (this.#claims.isClaimedNow(version)) this.#claimed(process, version);
  }

  /** Somebody wants to have a version again; or a machine whose disk was rolled back: the mark does not say which of them had it. */
  #wish(process: Process, name: string, file: string): void {
    if (this.#machines.has(process) && !this.#wasRolledBack)
      this.violate(`${process.name} asks for ${name} again, and no disk was rolled back`);
    this.#again.set(name, file);
    this.#wished.add(name);
    this.#delivered.delete(name);
    for (const published of this.#published.values()) published.delete(name);
  }

  get hasNewLedger(): boolean {
    return this.#hasNewLedger;
  }

  /** Whether a disk was rolled back to where something is not that was on it. */
  get hasRolledBack(): boolean {
    return this.#rolledBack.size > 0;
  }

  /** The ledger was deleted and made anew: who is started later knows nothing of what was delivered. */
  ledgerIsNew(): void {
    this.#hasNewLedger = true;
    for (const name of [...this.#delivered, ...this.#failed.keys()]) this.#settledBefore.add(name);
    this.#claims.ledgerIsNew();
    this.#wished.clear();
    this.#delivered.clear();
    this.#failed.clear();
    for (const [disk, published] of this.#published) {
      this.#forgetful.add(disk);
      published.clear();
    }
  }

  /** The ledger was compacted: that a receipt was taken back is known only to those who have read it. */
  compacted(): void {
    for (const file of this.#again.values()) this.#forgotten.add(file);
  }

  /** A disk has lost what it knew, or some of what it held. */
  forgot(disk: SimulatedDisk, storeIsGone: boolean): void {
    if (storeIsGone) {
      this.#forgetful.add(disk);
      // Nobody can tell any more that what it has received since is not elsewhere.
      for (const [name, rolledBack] of this.#rolledBack)
        if (rolledBack === disk && this.#delivered.has(name)) this.#taken.add(name);
    }
    for (const [name, file] of [...this.#publishedOn(disk)]) {
      const isThere = [...disk.files.files()].some(
        ([path, one]) => one === file && !path.startsWith(storeFolder),
      );
      if (!this.#delivered.has(name) && (storeIsGone || !isThere)) this.#publishedOn(disk).delete(name);
    }
    this.requireWholeFiles(disk);
  }

  /** A disk was rolled back: what was delivered to it since is to come again. */
  rolledBack(disk: SimulatedDisk): void {
    this.#wasRolledBack = true;
    this.#forgetful.add(disk);
    const there = new Map<string, SimulatedFile>();
    for (const [path, file] of disk.files.files()) {
      const version = path.startsWith(storeFolder)
        ? undefined
        : this.#truth.filedAs(fileKeyOf(path), file.version)[0];
      const name = version && versionName(version);
      // What was asked for again since is known by its new receipt, and comes once more.
      if (name !== undefined && !this.#again.has(name)) there.set(name, file);
    }
    const before = [...this.#publishedOn(disk).keys()];
    this.#published.set(disk, there);
    for (const name of before.filter((one) => !there.has(one))) {
      this.#rolledBack.set(name, disk);
      for (const published of this.#published.values()) published.delete(name);
    }
    this.requireWholeFiles(disk);
  }

  /** Every file under a name is whole and right. */
  requireWholeFiles(disk: SimulatedDisk): void {
    for (const [path, file] of disk.files.files()) {
      if (path.startsWith(storeFolder)) continue;
      const versions = this.#truth.filedAs(fileKeyOf(path), file.version);
      if (!versions.some(({ content }) => content.equals(file.seen.bytes)))
        this.violate(`${path} is not whole on ${disk.name}`);
    }
  }

  /** Whether nothing need be kept of a version: it is settled, superseded, given up, or was never right. */
  #isMoot(version: TrueVersion): boolean {
    const name = versionName(version);
    const isSettled =
      this.#delivered.has(name) ||
      this.#outdated.has(name) ||
      this.#failed.has(name) ||
      this.#again.has(name);
    return (
      isSettled ||
      this.#settledBefore.has(name) ||
      !this.#truth.isNewest(version) ||
      version.abandoned ||
      version.lied ||
      this.#claims.isDead(version)
    );
  }

  #requireWhole(version: TrueVersion, file: SimulatedFile, what: string): void {
    const name = versionName(version);
    if (!file.seen.bytes.equals(version.content)) this.violate(`${name} was ${what} and is not whole`);
    else if (!file.isSynced) this.violate(`${name} was ${what}, and a power cut could change it`);
    else if (file.seen.mtime !== version.mtime || file.seen.mode !== 0o644)
      this.violate(`${name} was ${what} with another time or mode`);
  }

  /** An older version gets a second name. */
  #keeping(disk: SimulatedDisk, from: string, to: string, file: SimulatedFile): void {
    const [version] = this.#truth.filedAs(from.slice(output.length + 1), file.version);
    if (!version) {
      this.violate(`${to} is a name of nothing that was published`);
      return;
    }
    this.#requireWhole(version, file, "kept");
    const named = Number(/\.~(\d+)~/.exec(to)?.[1]);
    if (named === version.version) return;
    // What another machine has stored is not on this one.
    const isAlone = [...this.#machines.values()].every((machine) => machine.disk === disk);
    const mayBeUnknown = named <= lastUnknown && this.#forgotten.has(chunkKey(version));
    if (isAlone && !this.#forgetful.has(disk) && !mayBeUnknown)
      this.violate(`${versionName(version)} was kept as ${to}`);
  }

  #publishedOn(disk: SimulatedDisk): Map<string, SimulatedFile> {
    const known = this.#published.get(disk) ?? new Map();
    this.#published.set(disk, known);
    return known;
  }
}

/** The file that a name, its first or its second one, is of. */
function fileKeyOf(path: string): string {
  return path.slice(output.length + 1).replace(/\.~\d+~/, "");
}

/** Whether the file has a second name. */
/** Another version of the same content and time: the file is there all the same. */
function isAlike(one: SimulatedFile, other: SimulatedFile): boolean {
  return one.seen.mtime === other.seen.mtime && one.seen.bytes.equals(other.seen.bytes);
}

function isKept(disk: SimulatedDisk, file: SimulatedFile): boolean {
  return (
    [...disk.files.files()].filter(([path, one]) => one === file && !path.startsWith(storeFolder)).length > 1
  );
}
