/** Records whose values are their offsets. */
import type { PlainKafka } from "./plain-kafka.ts";

interface NumberedRecord {
  key: string;
  value: Buffer;
  headers: [];
}

/** From this offset on. */
export function numbered(from: number, count: number): NumberedRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    key: "",
    value: Buffer.from(String(from + at)),
    headers: [],
  }));
}

/** Gives what produces them to a topic that is empty. */
export function numberedProducer(
  plain: PlainKafka,
  topic: string,
): (partition: number, count: number) => Promise<void> {
  const produced = new Map<number, number>();
  return async (partition, count) => {
    const from = produced.get(partition) ?? 0;
    produced.set(partition, from + count);
    await plain.produce(topic, numbered(from, count), partition);
  };
}
