/**
 * Ledgers of any size, written by the agent's own encoders and producer without its agents: what thousands of uploaders and a group
 * leave behind in a year is there in minutes. Nothing else of scripts/bench knows which kinds of entries there are.
 */
import type { KafkaConfig } from "../../agent/config/config.ts";
import { RecordProducer } from "../../agent/kafka/producer.ts";
import { prepareTopics, type Topics } from "../../agent/kafka/topics/topics.ts";
import { timeNow } from "../../agent/lib/clock.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { Log } from "../../agent/observe/log.ts";
import { type Entry, encodeEntryValue, encodeMeantFor, keyOf } from "../../agent/wire/entry.ts";
import { encodeEntryKey, partitionOfEntry } from "../../agent/wire/entry-key.ts";
import type { NotedFile } from "../../agent/wire/entry-value.ts";

/** A file as its uploader knows it: what a look at it is compared with. */
export interface KnownFile {
  size: number;
  /** Nanoseconds since 1970. */
  mtime: string;
  ctime: string;
  inode: string;
}

/** What an uploader has sent. */
interface SentFiles {
  slots: number;
  newest: number;
  /** Of those that the group does not have, by partition of the chunks. */
  missing: Map<number, number[]>;
}

/** As many as an uploader puts together. */
const filesOfBatch = 100;

/** Which has all that is settled, as marks call it. */
const store = "5f0c12ab34cd";
const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
const madeUp: KnownFile = {
  size: 4096,
  mtime: "1744741849202123456",
  ctime: "1744741849202123456",
  inode: "1",
};

export class LedgerWriter {
  readonly #producer: RecordProducer;
  readonly #topics: Topics;
  readonly #group: string;
  readonly #stop: AbortController;
  /** The newest number that was given: before now, as those of the agents that come are. */
  #version = (Date.now() - 86_400_000) * 1000;
  /** By uploader, what is not written yet, and what it has sent. */
  readonly #batches = new Map<string, NotedFile[]>();
  readonly #sentOf = new Map<string, SentFiles>();
  /** By partition of the ledger, the offset after what the brokers have. */
  readonly #ends = new Map<number, number>();
  #waiting = 0;
  #problem: Error | undefined;
  /** Entries that were written. */
  count = 0;

  private constructor(producer: RecordProducer, topics: Topics, group: string, stop: AbortController) {
    this.#producer = producer;
    this.#topics = topics;
    this.#group = group;
    this.#stop = stop;
  }

  /** Makes both topics; the group, which has the topic's name as by default, has begun at their beginning. */
  static async open(kafka: KafkaConfig): Promise<LedgerWriter> {
    const log = new Log({ level: "error", format: "text", agent: "bench" });
    const stop = new AbortController();
    const options = { kafka, agentName: "bench", log, effects: new Effects(), signal: stop.signal };
    const producer = await RecordProducer.open({ ...options, queueBytes: 16 << 20 });
    const topics = await prepareTopics(await producer.client(), kafka, log);
    const writer = new LedgerWriter(producer, topics, kafka.topic, stop);
    const offsets = Object.fromEntries(
      Array.from({ length: topics.chunks.partitions }, (_, partition) => [partition, 0]),
    );
    const began = { format: 1, topic: topics.chunks.id, offsets, time: timeNow() } as const;
    await writer.#write({ kind: "layout", format: 1, partitions: topics.ledger.partitions });
    await writer.#write({ kind: "start", group: kafka.topic, ...began });
    return writer;
  }

  /** A file that was sent, and that the group has. */
  async settled(uploader: string, path: string, known: KnownFile = madeUp): Promise<void> {
    await this.#sent(uploader, path, known);
  }

  /** A file that was sent, and that the group does not have; its chunks have expired. */
  async unsettled(uploader: string, path: string): Promise<void> {
    const { version, partition } = await this.#sent(uploader, path, madeUp);
    this.#of(uploader)
      .missing.getOrInsertComputed(partition, () => [])
      .push(version);
  }

  /** The uploader has worked until now, and has given its name back. */
  async released(uploader: string): Promise<void> {
    await this.#writeBatch(uploader);
    const who = { instance: "made by scripts/bench", host: "bench" };
    // One that stands alone: behind another one it would have to name that.
    const state = "released";
    await this.#write({ kind: "name", uploader, format: 1, ...who, state, highest: this.#version });
  }

  /** The group notes what it has. Resolves when the brokers have all of it. */
  async close(): Promise<void> {
    for (const uploader of [...this.#batches.keys()]) await this.#writeBatch(uploader);
    await this.#written();
    for (const [uploader, sent] of this.#sentOf)
      for (let partition = 0; partition < this.#topics.chunks.partitions; partition++)
        await this.#writeMark(uploader, partition, sent);
    await this.#written();
    await this.#producer.close(10_000);
    this.#stop.abort();
    if (this.#problem) throw this.#problem;
  }

  #of(uploader: string): SentFiles {
    return this.#sentOf.getOrInsertComputed(uploader, () => ({ slots: 0, newest: 0, missing: new Map() }));
  }

  async #writeBatch(uploader: string): Promise<void> {
    const files = this.#batches.get(uploader) ?? [];
    this.#batches.delete(uploader);
    const [slot, next] = [this.#of(uploader).slots++, this.#version + 1];
    if (files.length > 0)
      await this.#write({ kind: "files", uploader, epoch: 0, slot, format: 1, open: [], next, files });
  }

  async #written(): Promise<void> {
    while (this.#waiting > 0 && !this.#problem) await Bun.sleep(5);
  }

  async #writeMark(uploader: string, partition: number, { newest, missing }: SentFiles): Promise<void> {
    const key = { kind: "done", group: this.#group, uploader, partition } as const;
    const at = this.#ends.get(partitionOfEntry(key, this.#topics.ledger.partitions)) ?? 0;
    const mark = { format: 1, to: newest, at, but: missing.get(partition) ?? [] } as const;
    await this.#write({ ...key, ...mark, also: [], early: [], by: { [store]: 1 }, time: timeNow() });
  }

  async #sent(
    uploader: string,
    path: string,
    known: KnownFile,
  ): Promise<{ version: number; partition: number }> {
    const version = ++this.#version;
    const partition = version % this.#topics.chunks.partitions;
    const where = { topic: this.#topics.chunks.id, partition, offset: 0 };
    const batch = this.#batches.get(uploader) ?? [];
    batch.push({ path, version, state: "sent", ...known, ...where, checksum });
    this.#batches.set(uploader, batch);
    this.#of(uploader).newest = version;
    if (batch.length >= filesOfBatch) await this.#writeBatch(uploader);
    return { version, partition };
  }

  async #write(entry: Entry): Promise<void> {
    const { name, id, partitions } = this.#topics.ledger;
    const key = keyOf(entry);
    const value = encodeEntryValue(entry);
    const headers = encodeMeantFor(key, id);
    const record = {
      topic: name,
      partition: partitionOfEntry(key, partitions),
      key: encodeEntryKey(key),
      value: value === null ? null : Buffer.from(value),
      ...(headers && { headers }),
    };
    this.#waiting++;
    await this.#producer.enqueue(record, (error, acknowledgement) => {
      this.#waiting--;
      this.#problem ??= error;
      if (acknowledgement) this.#ends.set(record.partition, acknowledgement.offset + 1);
    });
    this.count++;
  }
}
