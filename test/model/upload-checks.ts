/**
 * What must hold of an uploader, whatever happens: each chunk is of the file as it stood, what is noted as sent is in the
 * log, and no source is taken away that is not delivered. From the chunks the truth learns of a version, too.
 */
import type { OutgoingRecord } from "../../agent/kafka/producer.ts";
import { type Abandoned, type Chunk, chunkKey, decodeRecord } from "../../agent/wire/chunk.ts";
import type { Entry } from "../../agent/wire/entry.ts";
import { type FileValue, type NotedFile, wasSentWhole } from "../../agent/wire/entry-value.ts";
import type { Checks } from "./checks.ts";
import type { SimulatedFile } from "./inode.ts";
import type { Damage, ProducerWatcher } from "./producer.ts";
import type { SourceDisk, SourceWatcher } from "./source-disk.ts";
import { hasAttributes, md5, type TrueVersion, type Truth, versionName } from "./truth.ts";
import type { Process } from "./turns.ts";
import { stateOf } from "./watched-folders.ts";

/** What an uploader is to do with a source that is delivered. */
export type After = "keep" | "delete" | "move";

export class UploadChecks implements SourceWatcher {
  readonly #uploader: string;
  readonly #truth: Truth;
  readonly #checks: Checks;
  readonly #after: After;
  readonly #sources: () => SourceDisk;
  /** What the ledger has of each path, as its uploader wrote it. */
  readonly #noted = new Map<string, FileValue>();
  /** Of each version the bytes that are, or were, in the log, and in the end whether its checksum is: 1 for each. */
  readonly #logged = new Map<string, Uint8Array>();
  /** Of the process that was started last of those that have noted a file. */
  #lastHolder = 0;
  /** Of the hold that a file was noted under last. */
  #lastEpoch = 0;
  /** What happens to the next chunk on its way. */
  nextDamage: Damage = "none";

  constructor(uploader: string, truth: Truth, checks: Checks, after: After, sources: () => SourceDisk) {
    this.#uploader = uploader;
    this.#truth = truth;
    this.#checks = checks;
    this.#after = after;
    this.#sources = sources;
  }

  called(process: Process, what: string): void {
    this.#checks.called(process, what);
  }

  /** @param number of the process, the how manieth that was started */
  producerOf(number: number): ProducerWatcher {
    return {
      sending: (record) => this.#sending(record, number),
      appended: (record) => this.#appended(record),
      damage: (record) => this.#damage(record),
    };
  }

  #sending(record: OutgoingRecord, number: number): void {
    const decoded = decodeRecord(record.headers, record.value);
    if (decoded.kind === "chunk") this.#chunk(decoded, number);
    else if (decoded.kind === "abandoned") this.#giveUp(decoded);
    else this.#violate(`a record of ${record.key} is ${decoded.kind}`);
  }

  #appended(record: OutgoingRecord): void {
    const decoded = decodeRecord(record.headers, record.value);
    if (decoded.kind !== "chunk") return;
    const name = versionName(decoded);
    const logged = this.#logged.get(name) ?? new Uint8Array(decoded.size + 1);
    this.#logged.set(name, logged);
    logged.fill(1, decoded.offset, decoded.offset + decoded.value.length);
    if (decoded.checksum !== undefined) logged[decoded.size] = 1;
  }

  #damage(record: OutgoingRecord): Damage {
    const damage = this.nextDamage;
    this.nextDamage = "none";
    const decoded = damage === "lie" ? decodeRecord(record.headers, record.value) : undefined;
    const version = decoded?.kind === "chunk" && this.#truth.find(chunkKey(decoded), decoded.version);
    if (version) version.lied = true;
    return damage;
  }

  /** The uploader has an entry of one of its files in the ledger. @param number see `producerOf` */
  entry(entry: Entry, number: number): void {
    if (entry.kind !== "files") return;
    // Who has lost the name says nothing any more.
    const { epoch } = entry;
    if (epoch < this.#lastEpoch) return;
    this.#lastEpoch = epoch;
    this.#lastHolder = Math.max(this.#lastHolder, number);
    for (const file of entry.files) this.#note(file);
  }

  #note(file: NotedFile): void {
    const { path, state } = file;
    this.#noted.set(path, file);
    const version = this.#truth.find(chunkKey({ uploader: this.#uploader, path }), file.version);
    if (version && state === "abandoned") version.abandoned = true;
    if (state === "sent" && wasSentWhole(file)) this.#requireSent(path, file, version);
  }

  takingAway(path: string, file: SimulatedFile): void {
    const { bytes, mtime } = file.seen;
    const same = this.#truth
      .versionsOf(chunkKey({ uploader: this.#uploader, path }))
      .filter((one) => one.mtime === mtime && one.content.equals(bytes));
    if (this.#after === "keep") this.#violate(`${path} was taken away, and is to be kept`);
    else if (same.length === 0) this.#violate(`${path} was taken away, and was not sent as it was`);
    else if (!same.some((one) => this.#checks.wasDelivered(one) || this.#checks.isOutdated(one)))
      this.#violate(`${path} was taken away, and nobody has it`);
  }

  /** The ledger was deleted and made again. */
  ledgerIsNew(): void {
    this.#noted.clear();
    this.#lastEpoch = 0;
  }

  /** What is not at its end yet. */
  open(): string[] {
    const open: string[] = [];
    const all = this.#sources().all();
    for (const [path, file] of all) {
      const noted = this.#noted.get(path);
      const name = `${this.#uploader}/${path}`;
      if (noted?.state !== "sent" || !isOf(noted, file)) open.push(`${name} is there, and not noted as sent`);
      else if (
        this.#after !== "keep" &&
        this.#checks.isDelivered({ uploader: this.#uploader, path, ...noted })
      )
        open.push(`${name} is delivered, and not taken away`);
    }
    for (const [path, { state }] of this.#noted)
      if (!all.has(path) && (state === "sent" || state === "sending"))
        open.push(`${this.#uploader}/${path} is gone, and noted as ${state}`);
    return open;
  }

  #chunk(chunk: Chunk, number: number): void {
    const version = this.#truth.find(chunkKey(chunk), chunk.version) ?? this.#begin(chunk, number);
    if (!version) return;
    const { offset, value, checksum } = chunk;
    const isRight = version.content.subarray(offset, offset + value.length).equals(value);
    if (chunk.size !== version.content.length || chunk.mtime !== version.mtime)
      this.#violate(`another state of the file than ${versionName(version)}, and not numbered so`);
    if (!isRight)
      this.#violate(`bytes ${offset} to ${offset + value.length} of ${versionName(version)} are not its own`);
    if (checksum !== undefined && checksum !== version.checksum)
      this.#violate(`${versionName(version)} was sent with another checksum`);
    if (checksum !== undefined) version.attributes ??= chunk.attributes ?? "none";
    if (checksum !== undefined && !hasAttributes(version, chunk.attributes))
      this.#violate(`${versionName(version)} was sent with two different sets of attributes`);
    if (version.abandoned) this.#violate(`${versionName(version)} was given up, and is sent`);
  }

  #begin({ path, version, size, mtime }: Chunk, number: number): TrueVersion | undefined {
    const content = this.#sources().contentOf(path, size, mtime);
    if (!content) {
      this.#violate(`${path} never was a file of ${size} bytes and of the time ${mtime}`);
      return undefined;
    }
    const id = { uploader: this.#uploader, path, version };
    const begun = { ...id, content, mtime, checksum: md5(content), lied: false, abandoned: false };
    const isLate = number < this.#lastHolder;
    const wrong = isLate ? this.#truth.beginLate(begun) : this.#truth.begin(begun);
    if (wrong !== undefined) this.#violate(wrong);
    return begun;
  }

  #giveUp(abandoned: Abandoned): void {
    const version = this.#truth.find(chunkKey(abandoned), abandoned.version);
    // Of one that had just begun no chunk need have been handed over.
    if (version) version.abandoned = true;
  }

  #requireSent(
    path: string,
    { size, checksum, attributes }: FileValue,
    version: TrueVersion | undefined,
  ): void {
    if (!version) {
      this.#violate(`${this.#uploader}/${path} was noted as a version that never was`);
      return;
    }
    const name = versionName(version);
    if (size !== version.content.length || checksum !== version.checksum)
      this.#violate(`${name} was noted as sent with another content`);
    if (!hasAttributes(version, attributes))
      this.#violate(`${name} was noted as sent with other attributes than it had`);
    const isLogged = this.#logged.get(name)?.every((one) => one === 1) ?? false;
    if (!isLogged && !this.#checks.wasDelivered(version))
      this.#violate(`${name} was noted as sent, and not all of it is in the log`);
  }

  #violate(what: string): void {
    this.#checks.violate(what);
  }
}

function isOf({ size, mtime }: FileValue, file: SimulatedFile): boolean {
  const state = stateOf(file);
  return BigInt(size) === state.size && mtime === String(state.mtime);
}
