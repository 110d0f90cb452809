/** A connection for those who only look: a dry run, `doctor`. */
import { defaultMessageBytes } from "../lib/limits.ts";
import { type Client, makeProducer } from "./connection/client.ts";
import { type ClientOptions, connect } from "./connection/connect.ts";
import { producerProperties } from "./connection/settings.ts";
import type { LedgerProducer } from "./producer.ts";

/**
 * Connects once; throws an `AgentError` when that fails. The client is made as a producer's is, so that what is refused of the
 * settings there is refused here.
 */
export function connectAdmin(options: ClientOptions): Promise<Client> {
  const limits = { batchBytes: defaultMessageBytes, queueBytes: 1 << 20, compression: "none" };
  return connect(makeProducer, options, (kafka) => producerProperties(kafka, options.agentName, limits));
}

/** Stands where a producer is wanted and nothing may be written. */
export function readOnly(client: Client): LedgerProducer {
  const refuse = () => Promise.reject(new Error("nothing is to be written here"));
  return { client: async () => client, send: refuse, renew: refuse };
}
