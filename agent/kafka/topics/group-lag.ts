/** Where a group stands in a topic, asked without joining it. */
import { disconnect, makeConsumer } from "../connection/client.ts";
import { type ClientOptions, connect } from "../connection/connect.ts";
import { groupConsumerProperties } from "../connection/settings.ts";
import { committedOffsets, memberRight } from "../group-consumer.ts";
import { describeTopic, watermarks } from "./topics.ts";

export interface PartitionLag {
  partition: number;
  /** undefined: the group has committed nothing. */
  committed: number | undefined;
  /** First offset that is still there, and the one after the last. */
  low: number;
  high: number;
}

/** Empty when the topic is missing. Throws a `KafkaError`. */
export async function groupLag(options: ClientOptions, group: string): Promise<PartitionLag[]> {
  const { kafka, agentName } = options;
  const consumer = await connect(makeConsumer, options, (fresh) =>
    groupConsumerProperties(fresh, agentName, group, undefined),
  );
  try {
    const topic = await describeTopic(consumer, kafka.topic);
    const named = Array.from({ length: topic?.partitions ?? 0 }, (_, partition) => ({
      topic: kafka.topic,
      partition,
    }));
    if (named.length === 0) return [];
    const lags: PartitionLag[] = [];
    for (const { partition, offset } of await committedOffsets(consumer, named, memberRight(group))) {
      lags.push({ partition, committed: offset, ...(await watermarks(consumer, kafka.topic, partition)) });
    }
    return lags;
  } finally {
    await disconnect(consumer);
  }
}
