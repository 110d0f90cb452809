/**
 * The agent's one producer: idempotent, acks=all, waits without a deadline. It can be made anew in place, after a
 * fatal error, when it does not find back to the brokers, or when a topic, or the link to it, takes less at a time than
 * before; what was under way is then reported as undelivered, and its sender goes on from what was acknowledged.
 */
import type { EventEmitter } from "node:events";
import LibrdKafkaError from "@confluentinc/kafka-javascript/lib/error.js";
import type { Effects } from "../lib/effects.ts";
import { AgentError, messageOf } from "../lib/errors.ts";
import { defaultMessageBytes } from "../lib/limits.ts";
import { pause, retry } from "../lib/retry.ts";
import type { Trouble } from "../lib/troubles.ts";
import { type Headers, pairsOf } from "../wire/headers.ts";
import { type Client, disconnect, makeProducer, type Producer } from "./connection/client.ts";
import { type ClientOptions, connect, watchOf } from "./connection/connect.ts";
import { watchForLoss } from "./connection/lost-client.ts";
import { LossCounter, type LostConnections } from "./connection/lost-connections.ts";
import { producerProperties } from "./connection/settings.ts";
import { codes, KafkaError, kafkaError } from "./errors.ts";
import { inspectTopic } from "./topics/inspect.ts";
import { Unacknowledged, type WaitingRecord } from "./unacknowledged.ts";

export interface OutgoingRecord {
  topic: string;
  partition: number;
  key: string;
  /** null: a tombstone. Not to be changed before the record is reported. */
  value: Buffer | null;
  headers?: Headers;
}

/** The brokers' word that a record is stored. */
export interface Acknowledgement {
  partition: number;
  offset: number;
  /** The log append time where the topic has that, else the time it was produced; milliseconds since 1970; -1: not said. */
  timestampMs: number;
}

/** Called once a record, with its acknowledgement or with why it was not delivered (a `KafkaError`). */
export type OnDelivered = (
  error: AgentError | undefined,
  acknowledgement: Acknowledgement | undefined,
) => void;

export interface ProducerOptions extends ClientOptions {
  /** Most bytes that wait for their acknowledgement; enough for entries of the ledger if not given. */
  queueBytes?: number;
  compression?: string;
  effects: Effects;
  signal: AbortSignal;
}

/** What the ledger needs of a producer. */
export type LedgerProducer = Pick<RecordProducer, "send" | "renew"> & { client(): Promise<Client> };

/** Of one record, see scripts/native/send_record.cc. */
const reportBytes = 40;
/** What was acknowledged leaves the client's queue a moment later. */
const mostTriesAlone = 50;

export class RecordProducer {
  /** Called every ten seconds with the connections that were lost since the call before. */
  onLost: ((lost: LostConnections) => void) | undefined;
  readonly #options: ProducerOptions;
  #client: Producer;
  /** The largest batch that the topics take. */
  #topicBytes = defaultMessageBytes;
  /** The largest batch that the link carries. */
  #linkBytes = Number.POSITIVE_INFINITY;
  /** The largest batch that the client was made for. */
  #clientBatchBytes = defaultMessageBytes;
  #nextId = 1;
  #waiting = new Map<number, WaitingRecord & { value: Buffer | null; onDelivered: OnDelivered }>();
  /** Of clients that have not ended: what they may still read. */
  readonly #lent = new Set<unknown>();
  readonly #unacknowledged: Unacknowledged;
  #renewing: Promise<void> | undefined;
  #asking = false;
  #unreachable = false;
  #isClosed = false;

  private constructor(options: ProducerOptions, client: Producer) {
    this.#options = options;
    this.#client = client;
    const inspect = async (topic: string) => inspectTopic(await this.client(), topic);
    const isAnswered = async () => (await watchOf(this.#client)?.isAnswered()) ?? true;
    this.#unacknowledged = new Unacknowledged(inspect, isAnswered, options.log);
    this.#listen(client);
  }

  /** Connects once; throws a `KafkaError` when that fails. */
  static async open(options: ProducerOptions): Promise<RecordProducer> {
    return new RecordProducer(options, await connectProducer(options, defaultMessageBytes));
  }

  /** The connected client, for admin requests that share its connection; after a renewal, if one is under way. */
  async client(): Promise<Producer> {
    await this.#renewing;
    return this.#client;
  }

  /** Has the client look at a topic that has changed: by itself it would minutes later. It is left to that without an answer. */
  async lookAt(topic: string): Promise<void> {
    await this.#isAnsweredAbout(topic);
  }

  /** Whether the brokers can be reached, as far as the client has noticed. */
  get isConnected(): boolean {
    return this.#client.isConnected() && !this.#unreachable;
  }

  /**
   * Hands a record to the client, which reads its value until it is reported. Throws a `KafkaError` when the client
   * does not take it; else `onDelivered` is called later, once.
   */
  async enqueue(record: OutgoingRecord, onDelivered: OnDelivered): Promise<void> {
    for (let triesAlone = 0; ; ) {
      if (this.#renewing) await this.#renewing;
      const id = this.#nextId++;
      const { topic, partition, value } = record;
      this.#waiting.set(id, { topic, partition, value, sinceMs: performance.now(), onDelivered });
      const code = sendRecord(this.#client, record, id);
      if (code === 0) return;
      this.#waiting.delete(id);
      const reason = refusal(topic, code);
      if (reason.code !== codes.queueFull) throw reason;
      // Nothing else is in the queue that could make room: it is larger than `queue.buffering.max.kbytes`.
      if (this.#waiting.size === 0 && triesAlone++ >= mostTriesAlone)
        throw new KafkaError(
          `producing to ${topic}`,
          codes.messageTooLarge,
          "a record does not fit the client's queue",
        );
      await pause(5);
    }
  }

  /** Sends a record on which more depends than a chunk's bytes, and waits for its acknowledgement. */
  send(record: OutgoingRecord): Promise<Acknowledgement> {
    const send = () =>
      new Promise<Acknowledgement>((resolve, reject) => {
        const onDelivered: OnDelivered = (error, acknowledgement) =>
          acknowledgement ? resolve(acknowledgement) : reject(error);
        this.enqueue(record, onDelivered).catch(reject);
      });
    return this.#options.effects.perform("write a record", `${record.topic} ${record.key}`, send);
  }

  /** The largest batch, in bytes; a single record may be larger. */
  get batchBytes(): number {
    return Math.min(this.#topicBytes, this.#linkBytes);
  }

  /** Whether no record waits for its acknowledgement. */
  get isIdle(): boolean {
    return this.#waiting.size === 0 && !this.#renewing;
  }

  /** Largest batch from now on, in bytes, as the topics take it. Makes the producer anew if that changes anything. */
  async limitBatches(bytes: number): Promise<void> {
    this.#topicBytes = bytes;
    await this.#applyBatchLimit();
  }

  /**
   * Largest batch from now on, in bytes, as the link carries it. Makes the producer anew also if that changes nothing: a
   * record that is under way can be larger than any batch.
   */
  async limitLink(bytes: number): Promise<void> {
    this.#linkBytes = bytes;
    await this.renew(`a link that carries ${bytes} bytes at a time`);
    await this.#applyBatchLimit();
  }

  /** Replaces the client, waiting for the brokers as long as it takes. Concurrent calls share one replacement. */
  renew(reason: string): Promise<void> {
    this.#renewing ??= this.#replaceClient(reason).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Waits up to `flushMs` for what is under way, then disconnects. */
  async close(flushMs: number): Promise<void> {
    this.#isClosed = true;
    // A renewal that was given up has said why to whoever asked for it.
    await this.#renewing?.catch(() => undefined);
    await this.#disconnect(flushMs);
    this.#unacknowledged.end();
    this.#dropWaiting("the producer was closed");
  }

  /** Also when a renewal for another limit is under way. */
  async #applyBatchLimit(): Promise<void> {
    while (this.#clientBatchBytes !== this.batchBytes)
      await this.renew(`batches of at most ${this.batchBytes} bytes`);
  }

  async #replaceClient(reason: string): Promise<void> {
    const { log, signal } = this.#options;
    log.debug(`the producer is made anew: ${reason}`);
    // First the old one ends: what it still had on its way must not arrive after what the new one sends.
    await this.#disconnect(0);
    this.#dropWaiting("the producer was made anew");
    const connectAgain = () => {
      this.#clientBatchBytes = this.batchBytes;
      return connectProducer(this.#options, this.#clientBatchBytes);
    };
    this.#client = await retry({ what: "making the producer anew", log, signal }, connectAgain);
    this.#listen(this.#client);
  }

  #disconnect(flushMs: number): Promise<void> {
    const lent = [...this.#waiting.values()];
    this.#lent.add(lent);
    return disconnect(this.#client, flushMs, () => this.#lent.delete(lent));
  }

  #listen(client: Producer): void {
    const { log } = this.#options;
    (client as EventEmitter).on("delivery-report", (_: null, reports: Buffer) => {
      for (let at = 0; at < reports.length && client === this.#client; at += reportBytes)
        this.#report(reports, at);
    });
    const counter = new LossCounter();
    const onLost = () => {
      if (client !== this.#client || this.#isClosed) return;
      // The agent is being stopped when this fails: nothing else ends the wait for the brokers.
      this.renew("its client was lost").catch((error: unknown) => log.debug(messageOf(error)));
    };
    watchForLoss(client, this.#options, onLost, ({ brokers }) => {
      if (client !== this.#client || this.#renewing) return;
      this.onLost?.(counter.lost(brokers));
      // Where no broker can be reached, that is said already.
      const [oldest] = this.#asking ? [] : this.#waiting.values();
      void this.#unacknowledged.look(oldest);
    });
    client.on("event.error", (error) => {
      if (error.code === codes.allBrokersDown && client === this.#client) void this.#sayDown();
    });
  }

  #report(reports: Buffer, at: number): void {
    const number = (index: number) => reports.readDoubleLE(at + 8 * index);
    const id = number(0);
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    const code = number(1);
    if (code !== 0) waiting.onDelivered(refusal(waiting.topic, code), undefined);
    else waiting.onDelivered(undefined, { partition: number(2), offset: number(3), timestampMs: number(4) });
  }

  /** The client goes on by itself; people want to know, and why, if its watch knows. */
  async #sayDown(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    // The news can be old: of before the client was connected.
    if (!(await this.#isAnsweredAbout(this.#options.kafka.topic))) {
      this.#unreachable = true;
      await this.#waitForBrokers();
      this.#unreachable = false;
    }
    this.#asking = false;
  }

  async #waitForBrokers(): Promise<void> {
    const { log, signal, kafka } = this.#options;
    const what = `no broker can be reached (${kafka.brokers.join(", ")})`;
    let trouble: Trouble | undefined;
    do {
      const isExplained = await watchOf(this.#client)?.explain();
      if (isExplained && trouble) {
        log.troubles.end(trouble);
        trouble = undefined;
      } else if (!isExplained && !trouble && !signal.aborted) {
        const reason = "waiting until one can";
        log.warn(`${what}: ${reason}`);
        trouble = log.troubles.begin(what, reason);
      }
      await pause(1000, signal);
    } while (!signal.aborted && !(await this.#isAnsweredAbout(this.#options.kafka.topic)));
    if (!signal.aborted) log.info("the brokers can be reached again");
    if (trouble) log.troubles.end(trouble);
  }

  #isAnsweredAbout(topic: string): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#renewing || !this.#client.isConnected()) return resolve(false);
      const options = { topic, allTopics: false, timeout: 5000 };
      this.#client.getMetadata(options, (error) => resolve(!error));
    });
  }

  #dropWaiting(reason: string): void {
    const dropped = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { onDelivered } of dropped) onDelivered(new AgentError(reason, "retryable"), undefined);
  }
}

/** Returns the client's error number, 0: none. */
function sendRecord(
  client: Producer,
  { topic, partition, value, key, headers }: OutgoingRecord,
  id: number,
): number {
  const texts: string[] = [];
  for (const [name, text] of pairsOf(headers)) texts.push(name, String(text));
  return client.getClient().sendRecord(topic, partition, value, key, texts, id);
}

function refusal(topic: string, code: number): KafkaError {
  return kafkaError(`producing to ${topic}`, LibrdKafkaError.create(code));
}

function connectProducer(options: ProducerOptions, batchBytes: number): Promise<Producer> {
  const { agentName, queueBytes = 1 << 20, compression = "none" } = options;
  // Twice the window, and room for ledger entries: the window bounds the memory, a full queue would only stutter.
  const limits = {
    batchBytes,
    queueBytes: 2 * queueBytes + (4 << 20),
    compression,
  };
  return connect(makeProducer, options, (kafka) => producerProperties(kafka, agentName, limits));
}
