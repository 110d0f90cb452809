/**
 * An uploader's producer in memory: records reach the log in the order of their partition, and are acknowledged later. It
 * may lose its client, and with it all that is under way: some of that has reached the log, and nobody is told.
 */
import type { LostConnections } from "../../agent/kafka/connection/lost-connections.ts";
import { codes, KafkaError } from "../../agent/kafka/errors.ts";
import type { Acknowledgement, OnDelivered, OutgoingRecord } from "../../agent/kafka/producer.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import { defaultMessageBytes } from "../../agent/lib/limits.ts";
import type { TransportOptions } from "../../agent/uploader/transport/transport.ts";
import { type Chunk, decodeRecord, encodeChunk } from "../../agent/wire/chunk.ts";
import type { Random } from "../support/random.ts";
import type { SimulatedRecord, SimulatedTopic } from "./topic.ts";
import type { Process, Turns } from "./turns.ts";

/** What happens to a chunk on its way. lie: other bytes than the file's, with a checksum that fits them. */
export type Damage = "none" | "corrupt" | "lie";

export interface ProducerWorld {
  turns: Turns;
  random: Random;
  topic: SimulatedTopic;
}

/** Told of records that are on their way. */
export interface ProducerWatcher {
  /** It was handed over. */
  sending(record: OutgoingRecord): void;
  /** It is in the log, of which it is told that it is that of the process's topic. */
  appended(record: OutgoingRecord, partition: number): void;
  /** What becomes of it on its way. */
  damage(record: OutgoingRecord): Damage;
}

/** A producer that is broken on purpose, so that the checks can be seen to notice. */
export interface ProducerFaults {
  /** One in so many records is acknowledged and never in the log. */
  losesOneIn?: number;
}

interface UnderWay {
  record: OutgoingRecord;
  onDelivered: OnDelivered;
  isDropped: boolean;
}

export class SimulatedProducer
  implements Pick<TransportOptions["producer"], keyof TransportOptions["producer"]>
{
  onLost: ((lost: LostConnections) => void) | undefined;
  readonly batchBytes = defaultMessageBytes;
  readonly #process: Process;
  readonly #world: ProducerWorld;
  readonly #watcher: ProducerWatcher;
  readonly #faults: ProducerFaults;
  readonly #underWay = new Set<UnderWay>();
  readonly #queues = new Map<number, Promise<unknown>>();

  constructor(process: Process, world: ProducerWorld, watcher: ProducerWatcher, faults: ProducerFaults) {
    this.#process = process;
    this.#world = world;
    this.#watcher = watcher;
    this.#faults = faults;
  }

  get isIdle(): boolean {
    return this.#underWay.size === 0;
  }

  async enqueue(record: OutgoingRecord, onDelivered: OnDelivered): Promise<void> {
    const { turns } = this.#world;
    // The caller may use the buffer for something else once this resolves.
    const copy = { ...record, value: record.value && Buffer.from(record.value) };
    this.#watcher.sending(copy);
    const sending: UnderWay = { record: copy, onDelivered, isDropped: false };
    this.#underWay.add(sending);
    const before = this.#queues.get(record.partition) ?? Promise.resolve();
    const appended = before.then(() => turns.take(this.#process, () => this.#append(sending)));
    this.#queues.set(record.partition, appended);
    void appended.then((acknowledgement) =>
      turns.take(this.#process, () => {
        if (this.#underWay.delete(sending)) onDelivered(undefined, acknowledgement);
      }),
    );
  }

  send(record: OutgoingRecord): Promise<Acknowledgement> {
    return new Promise((resolve, reject) => {
      const onDelivered: OnDelivered = (error, acknowledgement) =>
        acknowledgement ? resolve(acknowledgement) : reject(error);
      this.enqueue(record, onDelivered).catch(reject);
    });
  }

  /** Its client fails for good: whoever has something under way has to renew it. */
  fail(): void {
    const { turns } = this.#world;
    const error = () => new KafkaError("producing to chunks", codes.fatal, "the client has failed");
    void turns.take(this.#process, () => this.#drop(error));
  }

  renew(reason: string): Promise<void> {
    const error = () => new AgentError(`the producer was made anew: ${reason}`, "retryable");
    return this.#world.turns.take(this.#process, () => this.#drop(error));
  }

  async limitBatches(): Promise<void> {
    // Records are never too large here.
  }

  limitLink(bytes: number): Promise<void> {
    return this.renew(`a link that carries ${bytes} bytes at a time`);
  }

  #drop(error: () => AgentError): void {
    const dropped = [...this.#underWay];
    this.#underWay.clear();
    for (const one of dropped) one.isDropped = true;
    for (const { onDelivered } of dropped) onDelivered(error(), undefined);
  }

  #append({ record, isDropped }: UnderWay): Acknowledgement | undefined {
    const { topic, random } = this.#world;
    if (isDropped) return undefined;
    const { partition } = record;
    const acknowledged = (offset: number) => ({ partition, offset, timestampMs: Date.now() + topic.skewMs });
    const { losesOneIn } = this.#faults;
    if (losesOneIn !== undefined && random.below(losesOneIn) === 0)
      return acknowledged(topic.high(partition));
    const stored = this.#damaged(record);
    this.#watcher.appended(record, partition);
    // The same record may be in the log twice.
    if (random.below(12) === 0) topic.append(partition, stored);
    return acknowledged(topic.append(partition, stored));
  }

  #damaged(record: OutgoingRecord): SimulatedRecord {
    const { key, headers = [], value } = record;
    const stored = { key, headers, value: Buffer.from(value ?? Buffer.alloc(0)) };
    if (stored.value.length === 0) return stored;
    const damage = this.#watcher.damage(record);
    if (damage === "none") return stored;
    const decoded = decodeRecord(headers, value);
    stored.value[0] = (stored.value[0] ?? 0) ^ 1;
    if (damage === "lie" && decoded.kind === "chunk")
      stored.headers = encodeChunk({ ...(decoded as Chunk), value: stored.value });
    return stored;
  }
}
