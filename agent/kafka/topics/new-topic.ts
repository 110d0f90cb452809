/** Making the two topics, or asking whether the brokers would. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { KafkaConfig } from "../../config/config.ts";
import type { Client } from "../connection/client.ts";
import { codes, KafkaError } from "../errors.ts";
import { askController } from "./ask-controller.ts";

const requestTimeoutMs = 30_000;

/** A topic as the agent makes it. */
export interface NewTopic {
  name: string;
  partitions: number;
  settings: Readonly<Record<string, string>>;
}

/** What the two topics are made with. */
export function newTopics(kafka: KafkaConfig): { chunks: NewTopic; ledger: NewTopic } {
  return {
    chunks: newLog(kafka, kafka.topic),
    ledger: {
      name: kafka.ledger,
      partitions: kafka.ledgerPartitions,
      settings: {
        "cleanup.policy": "compact",
        "message.timestamp.type": "LogAppendTime",
        // Only closed segments are compacted; with the default of 1 GiB a small fleet's ledger never would be.
        "segment.bytes": String(16 << 20),
        "min.cleanable.dirty.ratio": "0.1",
        // By the brokers, whoever writes: a batch of a hundred files is a fifth of its text, and every start reads them.
        "compression.type": "zstd",
      },
    },
  };
}

/** What the topic of the chunks is made with, and others of which nothing is kept for ever. */
export function newLog(kafka: KafkaConfig, name: string): NewTopic {
  return {
    name,
    partitions: kafka.partitions,
    settings: {
      "cleanup.policy": "delete",
      "retention.ms": String(kafka.retentionMs),
      // By the brokers' clock: what a device whose clock says 1970 has sent would expire at once.
      "message.timestamp.type": "LogAppendTime",
    },
  };
}

/** Makes the topic, unless it is there. Throws a `KafkaError`. */
export async function createTopic(client: Client, topic: NewTopic, kafka: KafkaConfig): Promise<void> {
  const admin = RdKafka.AdminClient.createFrom(client);
  try {
    await askController<void>(client, `making topic ${topic.name}`, (answer) =>
      admin.createTopic(asked(topic, kafka), requestTimeoutMs, answer),
    );
  } catch (error) {
    // Another agent was faster: as good.
    if (!(error instanceof KafkaError) || error.code !== codes.topicAlreadyExists) throw error;
  }
}

/** Whether the brokers would make the topic, without making it. Throws a `KafkaError` with their reason if not. */
export function validateTopic(client: Client, topic: NewTopic, kafka: KafkaConfig): Promise<void> {
  const admin = RdKafka.AdminClient.createFrom(client);
  return askController<void>(client, `making topic ${topic.name}`, (answer) =>
    admin._client.validateTopic(asked(topic, kafka), requestTimeoutMs, answer),
  );
}

function asked({ name, partitions, settings }: NewTopic, kafka: KafkaConfig): RdKafka.NewTopic {
  return {
    topic: name,
    num_partitions: partitions,
    replication_factor: kafka.replication,
    config: { ...settings },
  };
}
