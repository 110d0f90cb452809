/** The ledger for those who only look: a dry run, `doctor`. */
import type { Config } from "../config/config.ts";
import { readOnly } from "../kafka/admin.ts";
import type { Client } from "../kafka/connection/client.ts";
import type { Topic } from "../kafka/topics/topics.ts";
import type { Log } from "../observe/log.ts";
import { Ledger } from "./ledger.ts";

/** Whoever would write to it gets an error. */
export function readOnlyLedger(
  { kafka, name: agentName }: Pick<Config, "kafka" | "name">,
  client: Client,
  topic: Topic,
  log: Log,
  signal = new AbortController().signal,
): Ledger {
  return new Ledger({ kafka, agentName, producer: readOnly(client), topic: { value: topic }, log, signal });
}
