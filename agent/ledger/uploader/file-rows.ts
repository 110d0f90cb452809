/**
 * What the ledger says of files, as numbers in a few buffers: a row of 116 bytes each and no object, as there may be a million, and
 * whatever lives is looked through at each collection. What does not fit a row, and is rare, stands beside it as JSON. Rows go by the
 * numbers of the files' paths (`path-table.ts`).
 */
import { type FileValue, wasSentWhole } from "../../wire/entry-value.ts";
import type { Place } from "./group-marks.ts";
import { inodeAt, setInode, setTime, timeAt } from "./row-fields.ts";

/** What a look has seen of a file, in numbers; times in seconds since 1970, and the nanoseconds after those. */
export interface SeenNumbers {
  readonly size: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly ctimeSeconds: number;
  readonly ctimeNanoseconds: number;
  /** Two halves of 32 bits. */
  readonly inodeLow: number;
  readonly inodeHigh: number;
}

type State = FileValue["state"];

/** Of a page, so that none is ever copied to a larger one. */
const rowsOfPage = 1024;
const rowBytes = 116;
/** Where the fields of a row are; the checksum's bytes are behind them. */
const at = {
  ...{ version: 0, notedAt: 8, offset: 16, size: 24, mtime: 32, ctime: 40, inodeLow: 48, inodeHigh: 52 },
  ...{
    mtimeRest: 56,
    ctimeRest: 60,
    batch: 64,
    partition: 68,
    topic: 72,
    has: 74,
    state: 76,
    look: 78,
    receipts: 80,
    checksum: 84,
  },
} as const;
/** Which of its fields a row has. */
const has = {
  ...{ topic: 1, offset: 2, partition: 4, notedAt: 8, md5: 16, sha256: 32 },
  /** All that a look is compared with. */
  ...{ fingerprint: 64, isWhole: 128, rest: 256 },
} as const;
type InRow = "version" | "state" | "size" | "mtime" | "ctime" | "inode" | "topic" | "partition" | "offset";
type Beside = Exclude<keyof FileValue, InRow | "checksum" | "at" | "attributes">;
/** What no row has. */
const besides = Object.keys({
  ...{ from: true, to: true, acknowledged: true, answered: true, reason: true, since: true, was: true },
} satisfies Record<Beside, true>) as Beside[];
const states: readonly State[] = ["sending", "sent", "abandoned", "gone", "incomplete"];
/** Topics by number; an uploader has had one, or few. */
const mostTopics = 1000;

export class FileRows {
  readonly #pages: DataView[] = [];
  /** The same pages. */
  readonly #bytes: Buffer[] = [];
  /** JSON of what did not fit, by row. */
  readonly #rest = new Map<number, string>();
  readonly #topics: string[] = [];
  readonly #topicNumbers = new Map<string, number>();

  /** Nothing is said in any row from this one on. */
  get end(): number {
    return this.#pages.length * rowsOfPage;
  }

  /** Whether anything is said there. */
  has(row: number): boolean {
    const page = this.#pages[Math.floor(row / rowsOfPage)];
    return page !== undefined && page.getUint8(fromOf(row) + at.state) !== 0;
  }

  /** Nothing is said there any more, and no look has seen what will be. */
  clear(row: number): void {
    if (!this.has(row)) return;
    this.#rest.delete(row);
    const from = fromOf(row);
    this.#bytesOf(row).fill(0, from, from + rowBytes);
  }

  /** Sets all of it but the attributes, the look that has seen it, and what groups say of it. @param batch the number of the batch that the entry is in */
  set(row: number, value: FileValue, batch: number): void {
    while (row >= this.#pages.length * rowsOfPage) {
      const bytes = Buffer.alloc(rowsOfPage * rowBytes);
      this.#bytes.push(bytes);
      this.#pages.push(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
    }
    const numbers = this.#page(row);
    const from = fromOf(row);
    const { topic, partition, offset, checksum } = value;
    let rest: Partial<Record<keyof FileValue, unknown>> | undefined;
    const putBeside = (name: keyof FileValue) => {
      rest ??= {};
      rest[name] = value[name];
    };
    let fields = wasSentWhole(value) ? has.isWhole : 0;
    numbers.setFloat64(from + at.version, value.version);
    numbers.setFloat64(from + at.size, value.size);
    numbers.setUint32(from + at.batch, batch);
    numbers.setUint8(from + at.state, 1 + states.indexOf(value.state));
    if (!setTime(numbers, from + at.mtime, from + at.mtimeRest, value.mtime)) putBeside("mtime");
    if (!setTime(numbers, from + at.ctime, from + at.ctimeRest, value.ctime)) putBeside("ctime");
    if (!setInode(numbers, from + at.inodeLow, from + at.inodeHigh, value.inode)) putBeside("inode");
    if (rest === undefined) fields |= has.fingerprint;
    if (topic !== undefined) {
      const number = this.#numberOf(topic);
      if (number === undefined) putBeside("topic");
      else {
        numbers.setUint16(from + at.topic, number);
        fields |= has.topic;
      }
    }
    if (partition !== undefined) {
      numbers.setUint32(from + at.partition, partition);
      fields |= has.partition;
    }
    if (offset !== undefined) {
      numbers.setFloat64(from + at.offset, offset);
      fields |= has.offset;
    }
    if (value.at !== undefined) {
      numbers.setFloat64(from + at.notedAt, value.at);
      fields |= has.notedAt;
    }
    if (checksum !== undefined) {
      const kind = setChecksum(this.#bytesOf(row), from + at.checksum, checksum);
      fields |= kind;
      if (kind === 0) putBeside("checksum");
    }
    for (const name of besides) if (value[name] !== undefined) putBeside(name);
    if (rest) this.#rest.set(row, JSON.stringify(rest));
    else this.#rest.delete(row);
    numbers.setUint16(from + at.has, rest ? fields | has.rest : fields);
  }

  get(row: number): FileValue {
    const numbers = this.#page(row);
    const from = fromOf(row);
    const fields = numbers.getUint16(from + at.has);
    const value: Record<string, unknown> = {
      version: numbers.getFloat64(from + at.version),
      state: this.stateOf(row),
      size: numbers.getFloat64(from + at.size),
      mtime: timeAt(numbers, from + at.mtime, from + at.mtimeRest),
      ctime: timeAt(numbers, from + at.ctime, from + at.ctimeRest),
      inode: inodeAt(numbers, from + at.inodeLow, from + at.inodeHigh),
    };
    if (fields & has.topic) value.topic = this.#topics[numbers.getUint16(from + at.topic)];
    if (fields & has.partition) value.partition = numbers.getUint32(from + at.partition);
    const digest = (length: number) =>
      this.#bytesOf(row).toString("hex", from + at.checksum, from + at.checksum + length);
    if (fields & has.md5) value.checksum = `md5:${digest(16)}`;
    if (fields & has.sha256) value.checksum = `sha256:${digest(32)}`;
    if (fields & has.offset) value.offset = numbers.getFloat64(from + at.offset);
    if (fields & has.notedAt) value.at = numbers.getFloat64(from + at.notedAt);
    if (fields & has.rest) Object.assign(value, JSON.parse(this.#rest.get(row) ?? "{}"));
    return value as unknown as FileValue;
  }

  /** A look has seen it. @param look its number; 0: none has yet */
  see(row: number, look: number): void {
    this.#page(row).setUint16(fromOf(row) + at.look, look);
  }

  /** The last look that has seen it. */
  lookOf(row: number): number {
    return this.#page(row).getUint16(fromOf(row) + at.look);
  }

  /** What groups say of it: 32 bits, see `VersionReceipts`. */
  receiptsOf(row: number): number {
    return this.#page(row).getInt32(fromOf(row) + at.receipts);
  }

  setReceipts(row: number, bits: number): void {
    this.#page(row).setInt32(fromOf(row) + at.receipts, bits);
  }

  versionOf(row: number): number {
    return this.#page(row).getFloat64(fromOf(row) + at.version);
  }

  stateOf(row: number): State {
    return states[this.#page(row).getUint8(fromOf(row) + at.state) - 1] ?? "incomplete";
  }

  batchOf(row: number): number {
    return this.#page(row).getUint32(fromOf(row) + at.batch);
  }

  isWhole(row: number): boolean {
    return (this.#page(row).getUint16(fromOf(row) + at.has) & has.isWhole) !== 0;
  }

  /** The ledger offset at which it was first noted as sent whole; negative: not known. */
  notedAt(row: number): number {
    const numbers = this.#page(row);
    const from = fromOf(row);
    return numbers.getUint16(from + at.has) & has.notedAt ? numbers.getFloat64(from + at.notedAt) : -1;
  }

  /** Where what was sent whole is. */
  placeOf(row: number): Place | undefined {
    if (!this.isWhole(row)) return undefined;
    const numbers = this.#page(row);
    const from = fromOf(row);
    const fields = numbers.getUint16(from + at.has);
    const topic = this.#topics[numbers.getUint16(from + at.topic)];
    return {
      partition: numbers.getUint32(from + at.partition),
      version: numbers.getFloat64(from + at.version),
      at: this.notedAt(row),
      topic: (fields & has.topic ? topic : this.get(row).topic) ?? "",
      offset: numbers.getFloat64(from + at.offset),
    };
  }

  /** Whether it is noted as sent just as it was seen; false also where the row can't tell. */
  isSentAs(row: number, seen: SeenNumbers): boolean {
    const numbers = this.#page(row);
    const from = fromOf(row);
    return (
      (numbers.getUint16(from + at.has) & has.fingerprint) !== 0 &&
      this.stateOf(row) === "sent" &&
      numbers.getFloat64(from + at.size) === seen.size &&
      numbers.getFloat64(from + at.mtime) === seen.mtimeSeconds &&
      numbers.getUint32(from + at.mtimeRest) === seen.mtimeNanoseconds &&
      numbers.getFloat64(from + at.ctime) === seen.ctimeSeconds &&
      numbers.getUint32(from + at.ctimeRest) === seen.ctimeNanoseconds &&
      numbers.getUint32(from + at.inodeLow) === seen.inodeLow &&
      numbers.getUint32(from + at.inodeHigh) === seen.inodeHigh
    );
  }

  #bytesOf(row: number): Buffer {
    const page = this.#bytes[Math.floor(row / rowsOfPage)];
    if (!page) throw new RangeError(`there is no row ${row}`);
    return page;
  }

  #page(row: number): DataView {
    const page = this.#pages[Math.floor(row / rowsOfPage)];
    if (!page) throw new RangeError(`there is no row ${row}`);
    return page;
  }

  /** undefined: there are too many. */
  #numberOf(topic: string): number | undefined {
    const known = this.#topicNumbers.get(topic);
    if (known !== undefined || this.#topics.length >= mostTopics) return known;
    this.#topicNumbers.set(topic, this.#topics.length);
    return this.#topics.push(topic) - 1;
  }
}

function fromOf(row: number): number {
  return (row % rowsOfPage) * rowBytes;
}

/** Returns which kind it is; 0: it does not fit. */
function setChecksum(page: Buffer, offset: number, text: string): number {
  const kind = text.startsWith("md5:") ? has.md5 : text.startsWith("sha256:") ? has.sha256 : 0;
  const digest = text.slice(text.indexOf(":") + 1);
  const bytes = kind === has.md5 ? 16 : 32;
  const isWhole = page.write(digest, offset, bytes, "hex") === bytes;
  return isWhole && digest.length === 2 * bytes ? kind : 0;
}
