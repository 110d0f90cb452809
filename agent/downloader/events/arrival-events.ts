/**
 * Arrivals as events: a record in a topic of its own for each file that was stored or has failed, for services that read Kafka anyway. It is
 * written before the ledger says so, and the ledger only says so once the brokers have it: at least once, whatever crashes in between.
 *
 * The topic is made like that of the chunks when it is missing, also when it is deleted while the agent runs.
 */
import type { DownloaderConfig, KafkaConfig } from "../../config/config.ts";
import { KafkaError } from "../../kafka/errors.ts";
import type { RecordProducer } from "../../kafka/producer.ts";
import { prepareEventsTopic } from "../../kafka/topics/topics.ts";
import type { Arrivals } from "../../ledger/group/group-ledger.ts";
import type { Stored } from "../../ledger/group/mark-writer.ts";
import { AgentError } from "../../lib/errors.ts";
import { isPermanent, retry } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import type { VersionId } from "../../wire/chunk.ts";
import { filedKey } from "../../wire/filed-under.ts";
import { layoutPath, nativeBelow } from "../publish/output-path.ts";
import { contentType, deliveredEvent, failedEvent } from "./arrival-event.ts";

export interface ArrivalEventsOptions {
  kafka: KafkaConfig;
  config: Pick<DownloaderConfig, "group" | "layout" | "output">;
  topic: string;
  producer: Pick<RecordProducer, "send" | "renew" | "client" | "lookAt">;
  log: Log;
  signal: AbortSignal;
}

/** The client draws it from the key: what is told of a path stays in order. */
const byKey = -1;

export class ArrivalEvents implements Arrivals {
  readonly #options: ArrivalEventsOptions;

  constructor(options: ArrivalEventsOptions) {
    this.#options = options;
  }

  /** Makes the topic if it is missing. Throws an `AgentError`: permanent when it may not be made. */
  async prepare(): Promise<void> {
    const { producer, kafka, topic, log } = this.#options;
    await prepareEventsTopic(await producer.client(), kafka, topic, log);
    await producer.lookAt(topic);
  }

  async delivered(stored: readonly Stored[]): Promise<void> {
    const { group, layout, output } = this.#options.config;
    const folder = Buffer.from(output);
    await Promise.all(
      stored.map(({ id, content }) => {
        const location = nativeBelow(folder, layoutPath(layout, id));
        const { size, checksum, mtime, attributes } = content;
        const event = deliveredEvent(group, id, { size, checksum, mtime, attributes, location });
        return this.#write(id, event);
      }),
    );
  }

  failed(id: VersionId, reason: string): Promise<void> {
    return this.#write(id, failedEvent(this.#options.config.group, id, reason));
  }

  /** As long as it takes. Throws an `AgentError` for what asking again can't change, or when the agent is being stopped. */
  async #write(id: VersionId, event: string): Promise<void> {
    const { topic, producer, log, signal } = this.#options;
    const record = {
      ...{ topic, partition: byKey, key: filedKey(id), value: Buffer.from(event) },
      headers: [{ "content-type": contentType }],
    };
    await retry({ what: `writing to ${topic}`, log, signal, giveUp: isPermanent }, async () => {
      try {
        await producer.send(record);
      } catch (error) {
        if (error instanceof KafkaError && error.unknownTopic) await this.prepare();
        if (error instanceof AgentError && error.severity === "fatal") await producer.renew(error.message);
        throw error;
      }
    });
  }
}
