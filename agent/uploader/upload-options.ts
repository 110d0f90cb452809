/** What sending a version needs, and waiting for Kafka while it is sent. */
import type { UploaderConfig } from "../config/config.ts";
import { KafkaError } from "../kafka/errors.ts";
import type { RecordProducer } from "../kafka/producer.ts";
import type { CurrentTopic } from "../kafka/topics/current-topic.ts";
import { NameTakenError } from "../ledger/uploader/name-claim.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { AgentError, ConfigurationError } from "../lib/errors.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import type { Moving } from "../observe/status.ts";
import type { WatchFiles } from "./access/watch-files.ts";
import { ChangedError } from "./send/source-file.ts";
import type { ChunkSize } from "./transport/chunk-size.ts";
import type { InFlightWindow } from "./transport/in-flight-window.ts";
import type { TopicLimit } from "./transport/topic-limit.ts";

export interface UploadOptions {
  config: UploaderConfig;
  producer: RecordProducer;
  ledger: UploaderLedger;
  topic: CurrentTopic;
  topicLimit: TopicLimit;
  window: InFlightWindow;
  chunkSize: ChunkSize;
  gate: WatchFiles;
  log: Log;
  observer: Observer;
  /** The versions under way; each adds itself when it is taken up. */
  moving: Set<{ progress: Moving }>;
  logChunks: boolean;
  /** How long the topic keeps chunks. */
  retentionMs: number;
  signal: AbortSignal;
  /** A missing right ends it instead of being waited for. */
  once: boolean;
  /** How long a stop waits for what is under way. */
  drainMs: number;
}

/** Whether it is no file's trouble but everybody's, and not waited for: the name is lost, the set-up is wrong, or with `once` a right is missing. */
export function isFatal(error: unknown, once: boolean): boolean {
  if (error instanceof ConfigurationError || error instanceof NameTakenError) return true;
  return once && error instanceof KafkaError && isPermanent(error);
}

/** The agent is being stopped. */
export class StoppedError extends AgentError {
  constructor() {
    super("the agent is being stopped", "permanent");
    this.name = "StoppedError";
  }
}

/** The topic that chunks of the version are in is gone, and another one has its name: the version begins anew. */
export class TopicReplacedError extends AgentError {
  constructor(name: string) {
    super(`topic ${name} was made again`, "permanent");
    this.name = "TopicReplacedError";
  }
}

/** Tries until Kafka lets it; a file that has changed, or a stop, is not waited out. `what` is for the log. */
export function waitForKafka<T>(
  { log, signal, once }: UploadOptions,
  what: string,
  attempt: (works: () => void) => Promise<T>,
): Promise<T> {
  const giveUp = (error: unknown) =>
    error instanceof ChangedError ||
    error instanceof StoppedError ||
    error instanceof TopicReplacedError ||
    !(error instanceof AgentError) ||
    (once && isPermanent(error));
  return retry({ what, log, signal, giveUp }, attempt);
}
