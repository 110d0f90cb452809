/** Records of one topic, as a consumer's native layer reads them: many in one piece of memory (scripts/native/read_records.cc has the layout). */
import { leaveGarbage } from "../lib/garbage.ts";
import { headersBytes, type IncomingHeaders, PackedHeaders } from "../wire/headers.ts";
import type { Consumer } from "./connection/client.ts";
import { ask, codes } from "./errors.ts";
import { type RecordBuffer, RecordBuffers } from "./record-buffers.ts";

/** A record as it was read. Its bytes are there until the next reading, and for as long as `memory` is held. */
export interface IncomingRecord {
  topic: string;
  partition: number;
  offset: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: IncomingHeaders | undefined;
  timestampMs: number;
  /** Which of the partition's leaders appended it, as the brokers count them, where they tell. */
  leaderEpoch?: number;
  /**
   * Why nothing can be had of it: a batch that takes too much once it is decompressed, or is damaged. It stands for all of
   * the batch, and its offset is that of the batch's last record.
   */
  skipped?: string;
  /** What its bytes are in, where that is used again. */
  memory?: Pick<RecordBuffer, "hold" | "release">;
}

/** Bytes of all that it brought. */
export function bytesOf({ key, value, headers }: IncomingRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + headersBytes(headers);
}

/** Where each number of an entry is. */
const at = {
  bytes: 0,
  code: 4,
  offset: 8,
  timestamp: 16,
  partition: 24,
  leaderEpoch: 28,
  key: 32,
  value: 36,
  headers: 40,
  headerBytes: 44,
  lengths: 48,
};

/** Where nothing has come for so long, nothing may come for much longer. A moment without a record is no reason to give memory back. */
const longWaitMs = 100;

export class RecordSource {
  readonly #topic: string;
  readonly #onEnd: (partition: number, offset: number) => void;
  readonly #buffers = new RecordBuffers();
  #current: RecordBuffer | undefined;

  /** @param onEnd the end of a partition was reached: `offset` is the next one there */
  constructor(topic: string, onEnd: (partition: number, offset: number) => void) {
    this.#topic = topic;
    this.#onEnd = onEnd;
  }

  /**
   * Up to `count` records; resolves with none when nothing comes within `waitMs`, which is for the first one only. Throws a
   * `KafkaError`. One at a time.
   *
   * @param groupRight see `kafkaError`
   */
  async read(
    consumer: Consumer,
    count: number,
    waitMs: number,
    groupRight?: string,
  ): Promise<IncomingRecord[]> {
    this.#current?.release();
    const buffer = this.#buffers.take();
    this.#current = buffer;
    const client = consumer.getClient();
    const { used, left } = await ask<{ used: number; left: Buffer | null }>(
      `reading ${this.#topic}`,
      (answer) =>
        client.readRecords(buffer.bytes, count, waitMs, (error, used, left) =>
          answer(error, { used: used ?? 0, left: left ?? null }),
        ),
      groupRight,
    );
    const records: IncomingRecord[] = [];
    for (let from = 0; from < used; from += buffer.bytes.readUInt32LE(from + at.bytes))
      this.#add(records, buffer.bytes, from, buffer);
    if (left) {
      this.#buffers.enlarge(left.length);
      leaveGarbage(left.length);
      this.#add(records, left, 0);
    } else if (used === 0 && waitMs >= longWaitMs) this.#buffers.rest();
    return records;
  }

  #add(records: IncomingRecord[], bytes: Buffer, from: number, memory?: RecordBuffer): void {
    const code = bytes.readInt32LE(from + at.code);
    const partition = bytes.readInt32LE(from + at.partition);
    const offset = bytes.readDoubleLE(from + at.offset);
    if (code === codes.partitionEnd) {
      this.#onEnd(partition, offset);
      return;
    }
    const count = bytes.readInt32LE(from + at.headers);
    const headerBytes = bytes.readUInt32LE(from + at.headerBytes);
    const keyAt = from + at.lengths + 8 * Math.max(0, count) + headerBytes;
    const keyBytes = bytes.readInt32LE(from + at.key);
    const valueAt = keyAt + Math.max(0, keyBytes);
    const valueBytes = bytes.readInt32LE(from + at.value);
    const leaderEpoch = bytes.readInt32LE(from + at.leaderEpoch);
    records.push({
      topic: this.#topic,
      partition,
      offset,
      key: keyBytes < 0 ? null : bytes.subarray(keyAt, valueAt),
      value: valueBytes < 0 ? null : bytes.subarray(valueAt, valueAt + valueBytes),
      headers: count < 0 ? undefined : new PackedHeaders(bytes, from + at.lengths, count, headerBytes),
      timestampMs: bytes.readDoubleLE(from + at.timestamp),
      ...(leaderEpoch >= 0 && { leaderEpoch }),
      ...(code !== 0 && { skipped: reasonToSkip(code) }),
      ...(memory && { memory }),
    });
  }
}

/** @param code the client's error number */
function reasonToSkip(code: number): string {
  switch (code) {
    case codes.batchTooLarge:
      return "it takes too much memory once it is decompressed";
    case codes.badCompression:
      return "it can't be decompressed";
    case codes.badMessage:
      return "it is damaged";
    default:
      return "its format is unknown";
  }
}
