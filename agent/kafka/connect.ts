/**
 * Making a client and getting it connected. The client's own `connect` says no more than "transport failure":
 * why a login or a TLS handshake failed stands only in its log events, which are read here.
 */
import type { EventEmitter } from "node:events";
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { KafkaConfig } from "../config/config.ts";
import { ConfigurationError, messageOf } from "../lib/errors.ts";
import type { Log } from "../observe/log.ts";
import { isForAnotherHost, speaksTls } from "./certificate-check.ts";
import {
  codes,
  explainSecurity,
  KafkaError,
  kafkaError,
  tlsUnknown,
  tlsWanted,
  unknownAuthority,
  wrongHostName,
} from "./errors.ts";
import { speaksPlaintext } from "./plaintext-check.ts";
import type { Properties } from "./settings.ts";

export type Producer = InstanceType<typeof RdKafka.Producer>;
export type Consumer = InstanceType<typeof RdKafka.KafkaConsumer>;
export type Client = Producer | Consumer;

/** What every client of the agent is made from. */
export interface ClientOptions {
  kafka: KafkaConfig;
  agentName: string;
  log: Log;
}

const connectTimeoutMs = 30_000;
const securityReasonMs = 200;

/** Tries once. Throws a `KafkaError` that says why, permanent for a refused login, TLS or missing rights. */
export async function connect<C extends Client>(
  make: (properties: Properties) => C,
  properties: Properties,
  topic: string,
  log: Log,
): Promise<C> {
  const client = construct(make, properties);
  const security = watchSecurity(client, log);
  const polling = client instanceof RdKafka.Producer ? pollSoon(client) : undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      security.onFailure = reject;
      client.connect({ allTopics: false, topic, timeout: connectTimeoutMs }, (error) => {
        if (error) reject(security.failure ?? kafkaError("connecting to Kafka", error));
        else resolve();
      });
    });
    security.onFailure = undefined;
    if (client instanceof RdKafka.Producer) client.setPollInBackground(true);
    return client;
  } catch (error) {
    // It can't be used again, and what it still waits for can take its time to end.
    void disconnect(client);
    throw await refine(error, properties);
  } finally {
    clearInterval(polling);
  }
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

/** The client can't tell a wrong host name from an unknown authority, nor a port with TLS, or without, from a broker that hangs up. */
async function refine(error: unknown, properties: Properties): Promise<unknown> {
  if (!(error instanceof KafkaError)) return error;
  const [broker = ""] = String(properties["bootstrap.servers"]).split(",");
  const isPlain = !String(properties["security.protocol"]).includes("ssl");
  if (isUnreachable(error)) {
    if (isPlain && (await speaksTls(broker)))
      return new KafkaError("connecting to Kafka", codes.ssl, tlsWanted, error);
    if (!isPlain && (await speaksPlaintext(broker)))
      return new KafkaError("connecting to Kafka", codes.ssl, tlsUnknown, error);
  }
  if (!error.message.endsWith(unknownAuthority)) return error;
  const ca = properties["ssl.ca.location"];
  const another = await isForAnotherHost(broker, ca === "probe" || ca === undefined ? undefined : String(ca));
  return another ? new KafkaError("connecting to Kafka", codes.ssl, wrongHostName, error) : error;
}

function isUnreachable({ code }: KafkaError): boolean {
  return code === codes.allBrokersDown || code === codes.transport || code === codes.timedOut;
}

function construct<C extends Client>(make: (properties: Properties) => C, properties: Properties): C {
  try {
    return make(properties);
  } catch (error) {
    throw new ConfigurationError(
      `kafka.options: the client refuses this configuration: ${messageOf(error)}`,
      error,
    );
  }
}

/** Closes a client; resolves when it is closed, or after the time a close may take. Never throws. */
export function disconnect(client: Client, flushMs = 0): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, flushMs + 10_000);
    const done = () => {
      clearTimeout(timer);
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

interface SecurityWatch {
  failure: KafkaError | undefined;
  onFailure: ((failure: KafkaError) => void) | undefined;
}

/** Reads the client's log for the reasons that it gives nowhere else; goes on as long as the client lives. */
function watchSecurity(client: Client, log: Log): SecurityWatch {
  const watch: SecurityWatch = { failure: undefined, onFailure: undefined };
  const notice = (line: string) => {
    const found = explainSecurity(line);
    if (!found || watch.failure?.code === found.code) return;
    watch.failure = new KafkaError("connecting to Kafka", found.code, found.reason, line);
    if (watch.onFailure) watch.onFailure(watch.failure);
    else log.error(watch.failure.message);
  };
  const fail = (error: unknown) =>
    watch.onFailure?.(watch.failure ?? kafkaError("connecting to Kafka", error));
  const events: EventEmitter = client;
  events.on("event.log", (event: { severity: number; fac: string; message: string }) => {
    log.debug(`kafka client: ${event.fac}: ${event.message}`);
    notice(event.message);
  });
  events.on("event.error", (error: RdKafka.LibrdKafkaError) => {
    // While connecting, an outage is the caller's to wait out and to say, not after the whole time for a connect. The
    // reason, if a login or a TLS handshake is behind it, comes by another way and may be a moment later.
    if (error.code === codes.allBrokersDown) setTimeout(fail, securityReasonMs, error);
    if (error.code === codes.authentication || error.code === codes.ssl) notice(error.message);
  });
  return watch;
}
