/** How a told story has to end: everything that was sent is delivered or has failed for a reason, and nothing is left over. */
import { notAnswered } from "../../agent/ledger/group/silence.ts";
import { decodeRecord } from "../../agent/wire/chunk.ts";
import { type FileValue, type WholeFile, wasSentWhole } from "../../agent/wire/entry-value.ts";
import { filedKey } from "../../agent/wire/filed-under.ts";
import { placesOf } from "../../agent/wire/places.ts";
import type { Checks } from "./checks.ts";
import type { SimulatedDownloader } from "./downloader.ts";
import type { SimulatedGroup } from "./group.ts";
import type { SimulatedLedger } from "./ledger.ts";
import type { SimulatedTopic } from "./topic.ts";
import { placeOf, type TrueVersion, type Truth, versionName } from "./truth.ts";
import type { SimulatedUploader } from "./uploader.ts";

/** When a group began is known by a topic's offsets, and by its entry's time so roughly. */
const startMarginMs = 10_000;

/** What it looks at. */
interface Told {
  readonly topic: Pick<SimulatedTopic, "high" | "id" | "partitions" | "records">;
  readonly group: Pick<SimulatedGroup, "committed">;
  readonly ledger: Pick<SimulatedLedger, "entries" | "files" | "writtenAtMs">;
  readonly truth: Truth;
  readonly checks: Checks;
  readonly uploaders: readonly Pick<SimulatedUploader, "checks" | "hasMissed" | "hasSource" | "name">[];
  readonly downloaders: readonly Pick<SimulatedDownloader, "disk">[];
  readonly losses: number;
  readonly clockWasSet: boolean;
}

export class Ending {
  readonly #world: Told;

  constructor(world: Told) {
    this.#world = world;
  }

  /** What is not at its end yet. */
  open(): string[] {
    const open: string[] = [];
    for (let partition = 0; partition < this.#world.topic.partitions; partition++) {
      const offset = this.#world.group.committed.get(partition)?.offset;
      if (offset !== this.#world.topic.high(partition))
        open.push(`partition ${partition} is committed to ${offset} of ${this.#world.topic.high(partition)}`);
    }
    for (const uploader of this.#world.uploaders) open.push(...uploader.checks.open());
    for (const [key, entry] of this.#world.ledger.entries())
      if (entry.kind === "needs" || entry.kind === "again") open.push(`${key} stands in the ledger`);
    for (const [key, file] of this.#world.ledger.files()) {
      const version = this.#sentVersion(key, file);
      if (
        version &&
        !this.#world.checks.isDelivered(version) &&
        !this.#world.checks.isOutdated(version) &&
        this.#world.checks.failure(version) === undefined
      )
        open.push(`${versionName(version)} is neither delivered nor failed`);
    }
    return open;
  }

  /** The version that an uploader says was sent. */
  #sentVersion(key: string, file: FileValue): TrueVersion | undefined {
    if (!wasSentWhole(file) || !this.#concernsGroup(file)) return undefined;
    return this.#world.truth.find(key, file.version);
  }

  /** What was sent before the group began is none of its business. */
  #concernsGroup(entry: WholeFile): boolean {
    const { topic, version } = entry;
    const start = this.#world.ledger.entries().get("start/group");
    if (start?.kind !== "start") return true;
    // Of another topic nobody can tell exactly.
    const startedMs = this.#world.ledger.writtenAtMs("start/group") ?? 0;
    if (start.topic !== topic) return version >= (startedMs + startMarginMs) * 1000;
    return placesOf(entry).some(({ partition, last }) => last >= (start.offsets[String(partition)] ?? 0));
  }

  /** Whether what was to be delivered is, where it must be. */
  judge(): void {
    for (const { disk } of this.#world.downloaders) this.#world.checks.requireWholeFiles(disk);
    for (const [key, file] of this.#world.ledger.files()) {
      const version = this.#sentVersion(key, file);
      if (!version) continue;
      if (this.#world.checks.isOutdated(version)) continue;
      const name = versionName(version);
      const reason = this.#world.checks.failure(version);
      const isThere = this.#world.downloaders.some(({ disk }) => {
        const node = disk.files.durableAt(placeOf(version));
        if (node?.kind !== "file" || node.version === undefined) return false;
        const others = this.#world.truth.filedAs(filedKey(version), node.version);
        return (
          node.version === version.version ||
          (node.version > version.version && others.some(({ uploader }) => uploader !== version.uploader))
        );
      });
      if (this.#world.checks.isDelivered(version)) {
        if (!isThere && !this.#world.checks.wasTaken(version))
          this.#world.checks.violate(`${name} is delivered and nowhere`);
      } else if (this.#isObtainable(version, file))
        this.#world.checks.violate(`${name} failed, though it can be had: ${reason}`);
    }
  }

  #isObtainable(version: TrueVersion, entry: FileValue): boolean {
    const isInTheWay = /stands where|a folder has this name/.test(this.#world.checks.failure(version) ?? "");
    if (version.lied || isInTheWay) return false;
    const missed = this.#world.uploaders.some(
      ({ name, hasMissed }) => name === version.uploader && hasMissed,
    );
    const isLate = missed || this.#world.clockWasSet;
    if (isLate && this.#world.checks.failure(version)?.startsWith(notAnswered)) return false;
    if (this.#isInLog(version, entry)) return true;
    const uploader = this.#world.uploaders.find(({ name }) => name === version.uploader);
    const hasSource = uploader?.hasSource(version.path, version.mtime) ?? false;
    // Whoever is asked three times in vain gives up; each time takes a loss.
    return entry.state === "sent" && hasSource && this.#world.losses < 3;
  }

  /** Whether all of it is where its entry says: what came into a topic that had just taken the other one's place nobody knows of. */
  #isInLog(version: TrueVersion, entry: FileValue): boolean {
    const { topic } = this.#world;
    if (entry.topic !== topic.id || !wasSentWhole(entry)) return false;
    // Without a `from` it is one chunk, as far as is known.
    const records = placesOf(entry).flatMap(({ partition, from }) =>
      topic.records(partition, from, topic.high(partition)),
    );
    const isThere = Buffer.alloc(version.content.length + 1);
    for (const { record } of records) {
      const chunk = decodeRecord(record.headers, record.value);
      if (chunk.kind !== "chunk" || chunk.version !== version.version || chunk.path !== version.path)
        continue;
      isThere.fill(1, chunk.offset, chunk.offset + chunk.value.length);
      if (chunk.checksum !== undefined) isThere[version.content.length] = 1;
    }
    return isThere.every((one) => one === 1);
  }
}
