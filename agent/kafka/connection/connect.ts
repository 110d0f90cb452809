/**
 * Making a client and getting it connected. The client's own `connect` says no more than "transport failure": why a login, a TLS
 * handshake or an address failed is known to its watch (client-watch.ts).
 */
import type { EventEmitter } from "node:events";
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { KafkaConfig } from "../../config/config.ts";
import { type AgentError, ConfigurationError, messageOf } from "../../lib/errors.ts";
import type { Log } from "../../observe/log.ts";
import { codes, KafkaError, kafkaError, tlsUnknown, tlsWanted } from "../errors.ts";
import { type Client, disconnect, type Producer } from "./client.ts";
import { bootstrapOf, ClientWatch, type Obstacle } from "./client-watch.ts";
import { fingerprintOfFiles, withFreshFiles } from "./fresh-files.ts";
import { knockAtAll, listProblems } from "./knock.ts";
import { speaksPlaintext } from "./protocol-look.ts";
import type { Properties } from "./settings.ts";
import { speaksTls } from "./tls-look.ts";

/** What every client of the agent is made from. */
export interface ClientOptions {
  kafka: KafkaConfig;
  agentName: string;
  log: Log;
}

const connecting = "connecting to Kafka";
const connectTimeoutMs = 30_000;
const securityReasonMs = 200;

const watches = new WeakMap<Client, ClientWatch>();

/** The watch of a client that `connect` gave. */
export function watchOf(client: Client): ClientWatch | undefined {
  return watches.get(client);
}

/**
 * Tries once, with the files that the settings name as they are now. Throws an `AgentError` that says why, permanent for a
 * refused login, TLS, a file that can't be used or missing rights.
 *
 * @param propertiesOf what the client is made with, from the configuration with the secrets of now
 * @param topic whose metadata is asked for first
 */
export async function connect<C extends Client>(
  make: (properties: Properties) => C,
  { kafka, log }: ClientOptions,
  propertiesOf: (kafka: KafkaConfig) => Properties,
  topic = kafka.topic,
): Promise<C> {
  const properties = propertiesOf(withFreshFiles(kafka));
  const client = construct(make, properties);
  const watch = new ClientWatch(client, { log, properties, fingerprint: () => fingerprintOfFiles(kafka) });
  const polling = client instanceof RdKafka.Producer ? pollSoon(client) : undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      let refused: KafkaError | undefined;
      const fail = (error: unknown) => reject(refused ?? kafkaError(connecting, error));
      watch.onRefused = (obstacle) => {
        refused = refusal(obstacle);
        reject(refused);
      };
      // An outage is the caller's to wait out and to say, not after the whole time for a connect. The reason, if a login or a
      // TLS handshake is behind it, comes by another way and may be a moment later.
      const events: EventEmitter = client;
      events.on("event.error", (error: { code: number }) => {
        if (error.code === codes.allBrokersDown) setTimeout(fail, securityReasonMs, error);
      });
      client.connect({ allTopics: false, topic, timeout: connectTimeoutMs }, (error) => {
        if (!error) resolve();
        // What the client itself, made only now, says of its configuration.
        else if (error.code === codes.state) reject(refusedConfiguration(error));
        else fail(error);
      });
    });
    watch.onRefused = undefined;
    watches.set(client, watch);
    if (client instanceof RdKafka.Producer) client.setPollInBackground(true);
    return client;
  } catch (error) {
    // It can't be used again, and what it still waits for can take its time to end.
    void disconnect(client);
    const reason = await refine(error, properties, watch);
    watch.end();
    throw reason;
  } finally {
    clearInterval(polling);
  }
}

function refusal({ kind, reason }: Obstacle): KafkaError {
  return new KafkaError(connecting, kind === "kafka.sasl" ? codes.authentication : codes.ssl, reason);
}

/** A producer tells of an outage only while it is polled, and it can be polled a moment before it is connected. */
function pollSoon(producer: Producer): ReturnType<typeof setInterval> {
  const timer = setInterval(() => {
    try {
      producer.setPollInBackground(true);
      clearInterval(timer);
    } catch {
      // "Client is disconnected": not there yet.
    }
  }, 100);
  return timer;
}

/** The client can't tell one broken certificate from another, nor a port with TLS, or without, from a broker that hangs up. */
async function refine(error: unknown, properties: Properties, watch: ClientWatch): Promise<unknown> {
  if (!(error instanceof KafkaError)) return error;
  const [broker = "", ...others] = bootstrapOf(properties);
  const isPlain = !String(properties["security.protocol"]).includes("ssl");
  if (error.unanswered) {
    if (isPlain && (await speaksTls(broker))) return new KafkaError(connecting, codes.ssl, tlsWanted, error);
    if (!isPlain && (await speaksPlaintext(broker)))
      return new KafkaError(connecting, codes.ssl, tlsUnknown, error);
  }
  const known = await watch.reason();
  if (!isPlain && !known && error.unanswered) {
    const reason = await watch.explainTls(broker);
    if (reason !== undefined) return new KafkaError(connecting, codes.ssl, reason, error);
  }
  if (known && known.kind !== "address") return refusal(known);
  if (!error.unanswered) return error;
  const login = await watch.explainLogin(broker);
  if (login !== undefined) return new KafkaError(connecting, codes.authentication, login, error);
  if (known) return new KafkaError(connecting, codes.unreachable, known.reason, error);
  const problems = await knockAtAll([broker, ...others]);
  if (problems.size === 0) return error;
  const reason = `no broker can be reached: ${listProblems(problems)}`;
  return new KafkaError(connecting, codes.unreachable, reason, error);
}

function construct<C extends Client>(make: (properties: Properties) => C, properties: Properties): C {
  try {
    return make(properties);
  } catch (error) {
    throw refusedConfiguration(error);
  }
}

function refusedConfiguration(error: unknown): AgentError {
  const reason = messageOf(error);
  // The files were good a moment ago: they are being changed.
  if (/ssl\.(ca|certificate|key|keystore|crl)\.location/.test(reason))
    return new KafkaError(
      connecting,
      codes.ssl,
      `the client can't use the files of kafka.tls: ${reason}`,
      error,
    );
  const setting = reason.includes("ssl.cipher.suites") ? "kafka.tls.ciphers" : "kafka.options";
  return new ConfigurationError(`${setting}: the client refuses this configuration: ${reason}`, error);
}
