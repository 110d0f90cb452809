/**
 * Any number of uploaders in one process: a thousand of the executable would take 40 GB of memory and minutes of these machines'
 * time to start, and then nothing but starts would be measured. Each is the agent's own uploading role, put together as
 * commands/run-uploader.ts does it: a name that it claims and holds, numbers that it leases, a watch, settling, chunks and entries.
 * What they share is the process, one reading of the ledger (shared-ledger.ts), and, unless it is the connections that a test is
 * about, the producer and the looks at the topics.
 */
import { holdingName } from "../../agent/commands/hold-name.ts";
import type { KafkaConfig, UploaderConfig } from "../../agent/config/config.ts";
import { RecordProducer } from "../../agent/kafka/producer.ts";
import { FollowedTopics } from "../../agent/kafka/topics/followed-topics.ts";
import { prepareTopics, type Topics } from "../../agent/kafka/topics/topics.ts";
import { checkLayout } from "../../agent/ledger/layout.ts";
import { Ledger } from "../../agent/ledger/ledger.ts";
import type { UploaderLedger } from "../../agent/ledger/uploader/uploader-ledger.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { forEachConcurrent } from "../../agent/lib/for-each-concurrent.ts";
import { isPermanent } from "../../agent/lib/retry.ts";
import { Log } from "../../agent/observe/log.ts";
import { Observer } from "../../agent/observe/observer.ts";
import { usualCheckpoints } from "../../agent/uploader/send/checkpoints.ts";
import { ChunkSize } from "../../agent/uploader/transport/chunk-size.ts";
import { InFlightWindow } from "../../agent/uploader/transport/in-flight-window.ts";
import { Transport } from "../../agent/uploader/transport/transport.ts";
import { runUploader } from "../../agent/uploader/uploader.ts";
import { loadConfigOf } from "../unit/config/loading.ts";
import { makeGate } from "./gate.ts";
import { SharedReading, sharedLedger } from "./shared-ledger.ts";

export interface CrowdOptions {
  brokers: string;
  topic: string;
  /** Each has a producer, and so connections and looks, of its own. */
  ownConnections?: boolean;
  /** Each ends when what is there is sent; else it goes on until `close`. */
  once?: boolean;
  /** YAML of further settings of `kafka`. */
  kafka?: string;
}

/** What an uploader has of Kafka. */
interface Connection {
  producer: RecordProducer;
  followed: FollowedTopics;
  ledger: Ledger;
}

/** As commands/run.ts has it for an uploader. */
const lookMs = 20_000;
const startedAtATime = 50;
const retentionMs = 7 * 86_400_000;
const queueBytes = 1 << 20;

export class Crowd {
  readonly #kafka: KafkaConfig;
  readonly #role: UploaderConfig;
  readonly #options: CrowdOptions;
  readonly #stop = new AbortController();
  readonly #log = new Log({ level: "error", format: "text", agent: "crowd" });
  readonly #files = makeGate();
  readonly #own: RecordProducer[] = [];
  #shared: (Connection & { topics: Topics; reading: SharedReading }) | undefined;
  #following: Promise<unknown> | undefined;

  private constructor(options: CrowdOptions, kafka: KafkaConfig, role: UploaderConfig) {
    this.#options = options;
    this.#kafka = kafka;
    this.#role = role;
  }

  static async open(options: CrowdOptions): Promise<Crowd> {
    const { brokers, topic, kafka: more = "" } = options;
    const kafka = `kafka: { brokers: ["${brokers}"], topic: ${topic}, ${more} }`;
    const config = await loadConfigOf(`name: crowd\nuploader: { settle: 100ms }\n${kafka}`);
    if (config.role !== "uploader") throw new Error("not an uploader");
    const crowd = new Crowd(options, config.kafka, config.uploader);
    await crowd.#begin();
    return crowd;
  }

  /**
   * An uploader for each name. All of them hold their names when this resolves; each sends what is in its folder when `go` does.
   *
   * @returns how many files could not be sent, once all have ended
   */
  async uploaders(
    names: readonly string[],
    folderOf: (name: string) => string,
    go: Promise<void>,
  ): Promise<{ failed: Promise<number> }> {
    const over: Promise<number>[] = [];
    await forEachConcurrent(names, startedAtATime, async (name) => {
      const { isReady, isOver } = await this.#uploader(name, folderOf(name), go);
      over.push(isOver);
      await isReady;
    });
    return { failed: Promise.all(over).then((counts) => counts.reduce((sum, count) => sum + count, 0)) };
  }

  async #uploader(
    name: string,
    folder: string,
    go: Promise<void>,
  ): Promise<{ isReady: Promise<void>; isOver: Promise<number> }> {
    const connection = await this.#connect(name);
    const { once = true } = this.#options;
    const ready = Promise.withResolvers<void>();
    const hold = {
      name,
      role: this.#role,
      ledger: sharedLedger(connection.ledger, this.#begun.reading),
      chunks: connection.followed.chunks,
      retentionMs,
      log: this.#log,
      attempt: {
        what: "starting",
        log: this.#log,
        signal: this.#stop.signal,
        giveUp: once ? isPermanent : () => false,
      },
    };
    const isOver = holdingName(hold, async (ledger, signal) => {
      ready.resolve();
      await go;
      return this.#send(connection, ledger, folder, signal);
    });
    isOver.catch(ready.reject);
    return { isReady: ready.promise, isOver };
  }

  /** Ends those that have not ended. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await Promise.all([...this.#own, this.#begun.producer].map((producer) => producer.close(1000)));
  }

  async #send(
    { producer, followed }: Connection,
    ledger: UploaderLedger,
    folder: string,
    signal: AbortSignal,
  ): Promise<number> {
    const { chunks, ledger: ledgerTopic } = this.#begun.topics;
    const role = this.#role;
    const config = { ...role, watch: role.watch.map((watch) => ({ ...watch, path: folder })) };
    const log = this.#log;
    const { failedCount } = await runUploader({
      config,
      ledger,
      transport: new Transport({
        producer,
        topic: followed.chunks,
        retentionMs,
        ledgerBytes: ledgerTopic.maxMessageBytes,
        window: new InFlightWindow(role.inFlightBytes, undefined),
        chunkSize: new ChunkSize(role.chunkBytes, chunks.maxMessageBytes),
        log,
      }),
      files: this.#files,
      checkpoints: usualCheckpoints,
      reporting: { log, observer: this.#observer(), logChunks: false },
      run: { signal, once: this.#options.once ?? true, drainMs: 1000 },
    });
    return failedCount;
  }

  #observer(): Observer {
    const { troubles } = this.#log;
    return new Observer({ role: "uploader", name: "crowd", version: "0", host: "here", troubles });
  }

  get #begun() {
    if (!this.#shared) throw new Error("not begun");
    return this.#shared;
  }

  async #begin(): Promise<void> {
    const producer = await this.#produce("crowd");
    const topics = await prepareTopics(await producer.client(), this.#kafka, this.#log);
    const connection = this.#follow(producer, topics, "crowd");
    await checkLayout(connection.ledger);
    const reading = await SharedReading.open(connection.ledger);
    this.#shared = { ...connection, topics, reading };
    const { signal } = this.#stop;
    this.#following = Promise.all([connection.followed.follow(signal), reading.follow(signal, this.#log)]);
  }

  async #connect(name: string): Promise<Connection> {
    if (!this.#options.ownConnections) return this.#begun;
    const producer = await this.#produce(name);
    this.#own.push(producer);
    const connection = this.#follow(producer, this.#begun.topics, name);
    void connection.followed.follow(this.#stop.signal);
    return connection;
  }

  #produce(agentName: string): Promise<RecordProducer> {
    const { signal } = this.#stop;
    const options = { kafka: this.#kafka, agentName, log: this.#log, effects: new Effects(), signal };
    return RecordProducer.open({ ...options, queueBytes });
  }

  #follow(producer: RecordProducer, topics: Topics, agentName: string): Connection {
    const common = { kafka: this.#kafka, producer, log: this.#log };
    const followed = new FollowedTopics({ ...common, everyMs: lookMs }, topics);
    const { signal } = this.#stop;
    return {
      producer,
      followed,
      ledger: new Ledger({ ...common, agentName, topic: followed.ledger, signal }),
    };
  }
}
