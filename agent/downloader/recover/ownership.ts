/** Which member of a group cares for a version: whoever has its partitions. For one that is spread that may be nobody for now. */
import type { Sent } from "../../ledger/group/outstanding.ts";
import type { Reading } from "./beyond-end.ts";

/** Whether this member has all partitions that the version is in. */
export function isOurs(sent: Sent, reading: Reading): boolean {
  if (sent.topic !== reading.topic.id) return hasHome(sent, reading);
  return sent.places.every(({ partition }) => reading.positions.has(partition));
}

/** Whether this member has the partition that a version was sent to. What was in a topic that is no more is shared out alike. */
function hasHome({ topic, partition }: Sent, { topic: { id, partitions }, positions }: Reading): boolean {
  return positions.has(topic === id ? partition : partition % partitions);
}
