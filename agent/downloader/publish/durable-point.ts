/**
 * The durable point: everything placed so far becomes safe, in an order in which a crash between any two steps
 * loses nothing and publishes nothing twice.
 *
 *   1. the bytes are synced                  a crash: they are fetched again
 *   2. notes on unfinished versions          a crash: as before; the notes never claim more than is on disk
 *   3. membership is confirmed               a frozen member finds itself none and publishes nothing
 *   4. the list of what is to be published,
 *      and its number                        a crash: the next start finishes it
 *   5. finished files get their names        a crash: the list says which have theirs
 *   6. their marks are acknowledged          a crash: the next start writes them
 *   7. what is parked is noted, what was
 *      given up is removed                   a crash: as before; past the position nothing would show either
 *   8. the position is committed             a crash: the marks say that what comes again is done
 *   9. what is done is cleared away
 *
 * Elsewhere in this room: `durable-point-schedule.ts` says when one is due and takes the snapshot that it makes durable,
 * `rename.ts` gives the names, `output-path.ts` the folders, and `keep-previous.ts` keeps an older file beside. It does not
 * promise that a file can have its name: one that can't fails, with a receipt that says why. Nor does it try anything again:
 * whatever goes wrong with the output or the brokers is thrown, ends the session, and the next one finishes what it left.
 */
import type { DownloaderConfig } from "../../config/config.ts";
import type { Position } from "../../kafka/log-reader.ts";
import { AgentError } from "../../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { parseChecksum } from "../../wire/checksum.ts";
import type { VersionId } from "../../wire/chunk.ts";
import { filedUnder } from "../../wire/filed-under.ts";
import { formatMetadata } from "../group/start-positions.ts";
import type { Output, SessionKafka } from "../parts.ts";
import type { Finished } from "../place/changes.ts";
import type { ParkedRange, Publication } from "../store/notes.ts";
import type { Partial, PartialNote } from "../store/partial.ts";
import { partialName } from "../store/store.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import { Outdated } from "./outdated.ts";
import { layoutPath } from "./output-path.ts";
import { publicationsOf } from "./publications.ts";
import { type Named, nameAll } from "./rename.ts";

/** All that was placed up to one moment. */
export interface Snapshot {
  finished: Finished[];
  /** Of the unfinished versions that have changed. */
  notes: PartialNote[];
  changedFiles: string[];
  /** Versions that were given up. */
  dropped: Partial[];
  /** All that is parked, when that has changed. */
  parked: ParkedRange[] | undefined;
  positions: Position[];
}

export interface DurablePointOptions {
  config: DownloaderConfig;
  kafka: SessionKafka;
  output: Output;
  reporting: Reporting;
  now(): number;
}

/** How long an accepted commit stands for membership: well below the session timeout of 45 s. */
const membershipMs = 10_000;

export class DurablePoint {
  readonly #options: DurablePointOptions;
  readonly #committed = new Map<number, number>();
  #acceptedAtMs = Number.NEGATIVE_INFINITY;
  /** Names of the partials that have a note. */
  readonly #noted = new Set<string>();
  readonly #outdated: Outdated;

  constructor(options: DurablePointOptions) {
    this.#options = options;
    this.#outdated = new Outdated(options.kafka.ledger);
  }

  /** These partials have notes from before. */
  restored(names: readonly string[]): void {
    for (const name of names) this.#noted.add(name);
  }

  /** Whether something was read that is not committed. */
  isBehind(positions: ReadonlyMap<number, number>): boolean {
    return [...positions].some(([partition, offset]) => this.#committed.get(partition) !== offset);
  }

  /** Commits positions: those of a durable point, or those where the group begins. Throws a `KafkaError`. */
  async commitPositions(positions: readonly Position[]): Promise<void> {
    const { kafka, output } = this.#options;
    const { group, topic } = kafka;
    if (positions.length === 0) return;
    // Not when the answer was heard: the agent may have been frozen since it was given.
    const askedAtMs = this.#options.now();
    await group.commit(positions, formatMetadata({ store: output.store.name, topic: topic.id }));
    this.#acceptedAtMs = askedAtMs;
    for (const { partition, offset } of positions) this.#committed.set(partition, offset);
  }

  /** These partitions are another member's now. */
  release(partitions: readonly number[]): void {
    for (const partition of partitions) this.#committed.delete(partition);
  }

  /**
   * Returns how many versions can't have their names. Throws what the file system or Kafka throws; nothing that was placed
   * since the last durable point may then be relied on.
   */
  async make(snapshot: Snapshot): Promise<number> {
    const { store, disk } = this.#options.output;
    await store.requireThere();
    if (snapshot.changedFiles.length > 0) await disk.sync(snapshot.changedFiles);
    await store.writeNotes(snapshot.notes);
    for (const note of snapshot.notes) this.#noted.add(partialName(note));
    const { leftOver, failedCount } = await this.#publish(snapshot.finished);
    // Not sooner: what was parked until now may have been published just before.
    if (snapshot.parked) await store.notes.writeParked(snapshot.parked);
    await this.#remove(snapshot.dropped);
    const moved = snapshot.positions.filter((p) => this.#committed.get(p.partition) !== p.offset);
    await this.commitPositions(moved);
    await this.#removeNotes(snapshot.finished.map(({ partial }) => partial));
    await this.#remove(leftOver);
    return failedCount;
  }

  /**
   * Finishes what a crash may have left between the steps 4 and 6. Returns how many versions that were. Throws what the
   * file system or Kafka throws.
   */
  async finishInterrupted(): Promise<number> {
    const { ledger } = this.#options.kafka;
    const { output } = this.#options;
    const { store } = output;
    const all = await store.notes.publishing();
    const open = all.filter((publication) => !ledger.state.isDelivered(publication, publication.partition));
    // What is written now is not of the snapshot that this list may come from.
    if (open.length > 0) await store.raiseNumber(store.number + 1);
    const unnamed = open.filter(({ named }) => named === undefined);
    const named = open
      .filter((publication) => publication.named !== undefined)
      .map((publication): Named => ({ publication, state: "named" }));
    // Missing: it was moved away before its receipt was written, or its bytes are lost: it comes again.
    await this.#settleAll([...named, ...(await nameAll(output, unnamed, true))]);
    if (all.length > 0) await store.writePublishing([]);
    return open.length;
  }

  /** The steps 3 to 6. `leftOver`: what came too late, or can't be stored. */
  async #publish(finished: readonly Finished[]): Promise<{ failedCount: number; leftOver: Partial[] }> {
    const { ledger } = this.#options.kafka;
    const superseded = await this.#superseded(finished);
    const open = finished.filter(
      ({ partial }) =>
        !superseded.has(partial.id) && !ledger.state.isDelivered(partial.id, partial.partition),
    );
    const outdated = await this.#outdatedAmong(open);
    const timely = open.filter((version) => !outdated.includes(version));
    const results = timely.length === 0 ? [] : await this.#name(timely);
    if (outdated.length > 0) await this.#settleOutdated(outdated);
    const named = new Set(
      results.filter(({ state }) => state === "named").map((one) => one.publication.partial),
    );
    const leftOver = finished.map(({ partial }) => partial).filter(({ name }) => !named.has(name));
    return { failedCount: results.length - named.size, leftOver };
  }

  async #name(timely: readonly Finished[]): Promise<readonly Named[]> {
    const { output } = this.#options;
    const { store } = output;
    const publications = await publicationsOf(timely, this.#options);
    // Before the list speaks of them.
    await store.syncNames();
    // Before the list, too: what is on it the next session publishes in any case.
    await this.#confirmMembership();
    await store.writePublishing(publications);
    const results = await nameAll(output, publications);
    const lost = results.find((named) => named.state === "missing");
    if (lost)
      throw new AgentError(
        `${store.partialPath(lost.publication)} was removed by another program`,
        "retryable",
      );
    await this.#settleAll(results);
    await store.writePublishing([]);
    return results;
  }

  /** Looks up what would replace a file, where more is under way than is known: what is there may be newer. */
  async #superseded(finished: readonly Finished[]): Promise<ReadonlySet<VersionId>> {
    const { kafka, output, config } = this.#options;
    const { ledger } = kafka;
    const replacing: VersionId[] = [];
    for (const { partial } of finished) {
      if (!ledger.state.versions.mayBeSuperseded(partial.id)) continue;
      const target = output.paths.native(layoutPath(config.layout, partial.id));
      if (await output.disk.look(target).catch(() => undefined)) replacing.push(partial.id);
    }
    return new Set(await ledger.findSuperseded(replacing));
  }

  /** What there is a newer version of, by another one of the name. With `keep-both` it is kept beside. */
  async #outdatedAmong(open: readonly Finished[]): Promise<readonly Finished[]> {
    if (this.#keepsBoth) return [];
    const outdated = await this.#outdated.among(open.map(({ partial }) => partial.id));
    return open.filter(({ partial }) => outdated.has(partial.id));
  }

  /** Not before the newer one is stored. If that could not be, the older one is missing, and is read again. */
  async #settleOutdated(outdated: readonly Finished[]): Promise<void> {
    const older = await this.#outdatedAmong(outdated);
    const publications = await publicationsOf(older, this.#options);
    await this.#confirmMembership();
    await this.#settle(publications, false);
    for (const one of publications)
      this.#options.reporting.log.info(
        `${nameOf(one)}: version ${one.version} is not stored, as a newer one of the name is`,
        fieldsOf(one),
      );
  }

  /**
   * When the brokers refuse the marks, they are owed, however long that lasts: also if somebody moves the files out of the
   * output meanwhile, or the agent is started again.
   */
  async #settleAll(results: readonly Named[]): Promise<void> {
    const stored = results.filter(({ state }) => state === "named").map(({ publication }) => publication);
    // Not later: what a mark says is never settled again.
    if (this.#keepsBoth) await this.#options.output.store.versions.note(stored);
    try {
      await Promise.all([this.#delivered(stored), ...results.map((named) => this.#failed(named))]);
    } catch (error) {
      // What can't have its name is found again by its partial.
      await this.#options.output.store.writePublishing(
        stored.map((publication) => ({ ...publication, named: 1 })),
      );
      throw error;
    }
  }

  get #keepsBoth(): boolean {
    return this.#options.config.onChange === "keep-both";
  }

  /** The receipt of a version that can't have its name, and the log line. */
  async #failed(named: Named): Promise<void> {
    if (named.state !== "unstorable") return;
    const { kafka, reporting } = this.#options;
    const { log, observer } = reporting;
    const { publication, reason } = named;
    const name = nameOf(publication);
    await kafka.ledger.writeFailed(publication, reason);
    log.error(`${name}: failed: ${reason}`, { ...fieldsOf(publication), attributes: publication.attributes });
    observer.failed("failed", name, reason);
  }

  /** The marks of versions that have their names, and the log lines. */
  async #delivered(stored: readonly Publication[]): Promise<void> {
    if (stored.length === 0) return;
    await this.#settle(stored, true);
    this.#outdated.stored(stored);
    for (const publication of stored) this.#report(publication);
  }

  async #settle(stored: readonly Publication[], isStored: boolean): Promise<void> {
    const { kafka, output, reporting } = this.#options;
    const { log } = reporting;
    const delivered = stored.map((publication) => {
      const { uploader, path, version, partition } = publication;
      return { id: { uploader, path, version }, partition, content: publication };
    });
    const { ledger } = kafka;
    const { marks, forgottenCount } = isStored
      ? await ledger.writeDelivered(delivered, output.store)
      : await ledger.writeSettled(delivered, output.store);
    // Not sooner: a snapshot in between has them on its list.
    await output.store.marks.write(marks);
    if (forgottenCount > 0)
      log.warn(
        `${forgottenCount} files are delivered that their uploaders have not noted, more than the ledger's marks can hold: they are delivered once more if they are sent again`,
        { files: forgottenCount },
      );
  }

  #report(publication: Publication): void {
    const { log, observer } = this.#options.reporting;
    const checksum = parseChecksum(publication.checksum);
    const name = nameOf(publication);
    log.info(`${name}: merge complete, ${checksum?.algorithm} ok ${checksum?.digest}`, {
      ...fieldsOf(publication),
      attributes: publication.attributes,
      bytes: publication.size,
      checksum: publication.checksum,
    });
    observer.done("delivered", name);
    observer.fleet.delivered(filedUnder(publication.uploader), publication.size);
    leaveGarbage(garbageOf.publication);
  }

  /** A member that was frozen for longer than the session finds out here, before it publishes. */
  async #confirmMembership(): Promise<void> {
    if (this.#options.now() - this.#acceptedAtMs <= membershipMs) return;
    await this.commitPositions([...this.#committed].map(([partition, offset]) => ({ partition, offset })));
  }

  async #remove(partials: readonly Partial[]): Promise<void> {
    await this.#removeNotes(partials);
    for (const partial of partials) {
      await partial.drop();
      leaveGarbage(garbageOf.note);
    }
  }

  async #removeNotes(partials: readonly Partial[]): Promise<void> {
    for (const { id, name } of partials) {
      if (this.#noted.delete(name)) await this.#options.output.store.removeNote(id);
    }
  }
}
