/** What a group has ever committed, read from Kafka's own log of it: also what was overwritten a moment later. */
import type { PlainKafka } from "./plain-kafka.ts";

/** By partition, the offsets in the order in which the brokers took them. */
export async function commitsOf(
  kafka: PlainKafka,
  group: string,
  topic: string,
): Promise<Map<number, number[]>> {
  const commits = new Map<number, number[]>();
  for (const { key, value } of await kafka.readAll("__consumer_offsets")) {
    const parsed = parseKey(Buffer.from(key));
    if (parsed?.group !== group || parsed.topic !== topic || value === null) continue;
    const offsets = commits.get(parsed.partition) ?? [];
    commits.set(parsed.partition, offsets);
    // A version, then the offset.
    offsets.push(Number(value.readBigInt64BE(2)));
  }
  return commits;
}

/** OffsetCommitKey: a version (0 or 1), group, topic, partition. Keys of another version are about members. */
function parseKey(key: Buffer): { group: string; topic: string; partition: number } | undefined {
  if (key.length < 2 || key.readInt16BE(0) > 1) return undefined;
  let at = 2;
  const text = () => {
    const end = at + 2 + key.readInt16BE(at);
    const part = key.toString("utf8", at + 2, end);
    at = end;
    return part;
  };
  return { group: text(), topic: text(), partition: key.readInt32BE(at) };
}
