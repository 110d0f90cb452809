/** Taking a consumer group out of Kafka, once nobody is in it. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { pause } from "../../lib/retry.ts";
import type { Client } from "../connection/client.ts";
import { agentOf } from "../connection/settings.ts";
import { ask, codes, kafkaError } from "../errors.ts";
import { describeGroup } from "./inspect.ts";

const requestTimeoutMs = 10_000;
const lookAgainMs = 500;

/**
 * Who is in the group, as people know them: `till-7 (10.0.0.7)`. A member that ended without leaving, as those of a downloader do,
 * is in it until its session is over. Throws a `KafkaError`; permanent where the right to look is missing.
 */
export async function membersOf(client: Client, group: string): Promise<string[]> {
  const what = `looking up group ${group}`;
  // Its coordinator may just be starting.
  for (let triesLeft = 20; ; triesLeft--) {
    const found = await describeGroup(client, group, what);
    const error = found?.error && kafkaError(what, found.error, `DESCRIBE on group ${group}`);
    if (!error || error.code === codes.groupNotFound)
      return (found?.members ?? []).map(
        ({ clientId, clientHost }) => `${agentOf(clientId)} (${clientHost.replace(/^\//, "")})`,
      );
    if (error.severity === "permanent" || triesLeft === 0) throw error;
    await pause(lookAgainMs);
  }
}

/** Who is still in the group once all that have ended are out of it, or the time is over. See `membersOf`. */
export async function membersAfter(client: Client, group: string, waitMs: number): Promise<string[]> {
  const until = performance.now() + waitMs;
  for (;;) {
    const members = await membersOf(client, group);
    if (members.length === 0 || performance.now() >= until) return members;
    await pause(lookAgainMs);
  }
}

/**
 * Removes the group, and with it the positions that it has committed. Returns whether it is gone then: not if this user may not
 * do that. Throws a `KafkaError`, also when somebody is in it.
 */
export async function removeGroup(client: Client, group: string): Promise<boolean> {
  const what = `removing group ${group}`;
  const admin = RdKafka.AdminClient.createFrom(client);
  const [result] = await ask<{ error?: unknown }[]>(what, (answer) =>
    admin.deleteGroups([group], { timeout: requestTimeoutMs }, answer),
  );
  if (!result?.error) return true;
  const error = kafkaError(what, result.error, `DELETE on group ${group}`);
  if (error.code === codes.groupNotFound) return true;
  if (error.code === codes.groupAuthorization) return false;
  throw error;
}
