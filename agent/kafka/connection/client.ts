/** The clients of the native layer: making one, and closing it. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { Properties } from "./settings.ts";

export type Producer = InstanceType<typeof RdKafka.Producer>;
export type Consumer = InstanceType<typeof RdKafka.KafkaConsumer>;
export type Client = Producer | Consumer;

/**
 * Closes a client; resolves when it is closed, or after the time a close may take. Never throws.
 *
 * @param onEnd called once it is closed, however long that takes: nothing that it was lent is read any more
 */
export function disconnect(client: Client, flushMs = 0, onEnd?: () => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, flushMs + 10_000);
    const done = () => {
      clearTimeout(timer);
      onEnd?.();
      resolve();
    };
    if (!client.isConnected()) return done();
    if (client instanceof RdKafka.Producer) client.disconnect(flushMs, done);
    else client.disconnect(done);
  });
}

export function makeProducer(properties: Properties): Producer {
  return new RdKafka.Producer(properties as never);
}

export function makeConsumer(properties: Properties): Consumer {
  return new RdKafka.KafkaConsumer(properties as never);
}
