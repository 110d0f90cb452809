/** Does the ledger have the partitions that it was begun with? Reads the first of them; of another number, all. */
import type { Config } from "../config/config.ts";
import type { Client } from "../kafka/connection/client.ts";
import type { Topic } from "../kafka/topics/topics.ts";
import { findLayout } from "../ledger/layout.ts";
import { readOnlyLedger } from "../ledger/read-only-ledger.ts";
import type { Log } from "../observe/log.ts";
import { type Finding, fail } from "./finding.ts";

/** Throws a `KafkaError`. */
export async function examineLayout(
  config: Config,
  client: Client,
  topic: Topic,
  log: Log,
): Promise<Finding[]> {
  const { other } = await findLayout(readOnlyLedger(config, client, topic, log));
  if (other === undefined) return [];
  const text = `has ${topic.partitions} partitions, but was begun with ${other}, and its entries are spread over those: no agent will work with it`;
  const fix = "delete it, or name another one (kafka.ledger): what is there is sent again";
  return [fail(`ledger ${topic.name}`, text, fix)];
}
