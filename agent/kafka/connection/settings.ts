/**
 * The agent's settings as librdkafka properties. The client's defaults that lose data or memory here, and why
 * each is changed, stand at the property. `kafka.options` of the configuration wins over all of it.
 */
import type { KafkaConfig, SaslConfig, TlsConfig } from "../../config/config.ts";

/** How often a client says how it is: see statistics.ts. */
const statisticsEveryMs = 10_000;

export type Properties = Record<string, string | number | boolean>;

/** A client that is only to be connected. */
export function bareProperties(kafka: KafkaConfig, agentName: string): Properties {
  return { ...connectionProperties(kafka, agentName), ...kafka.options };
}

const clientPrefix = "streamsend-";

/** The name of the agent that a client belongs to; of a stranger's the whole of what it calls itself. */
export function agentOf(clientId: string): string {
  return clientId.startsWith(clientPrefix) ? clientId.slice(clientPrefix.length) : clientId;
}

/** How to reach the brokers; the same for every client of the agent. */
function connectionProperties(kafka: KafkaConfig, agentName: string): Properties {
  return {
    "bootstrap.servers": kafka.brokers.join(","),
    "client.id": `${clientPrefix}${agentName}`,
    // A request of 1 MB takes 63 s at 128 kbit/s; with the default of 60 s it would be sent for ever.
    "socket.timeout.ms": 300_000,
    "socket.keepalive.enable": true,
    "socket.nagle.disable": true,
    // Jittered by the client, so a fleet does not run over a broker that comes back.
    "reconnect.backoff.ms": 200,
    "reconnect.backoff.max.ms": 10_000,
    // Each client asks, and the answer names all of the ledger's partitions: no more often than the agent itself looks at them. A
    // leader that has moved, and a topic that was made again, are learned from the refusal.
    "topic.metadata.refresh.interval.ms": 300_000,
    "allow.auto.create.topics": false,
    "log.connection.close": false,
    // A stranger's hanging transaction must not stall files; nor hide what is behind it from whoever asks for a log's end: that
    // a producer does, too, and the client sends this with its question.
    "isolation.level": "read_uncommitted",
    "statistics.interval.ms": statisticsEveryMs,
    ...securityProperties(kafka),
  };
}

export function producerProperties(
  kafka: KafkaConfig,
  agentName: string,
  limits: { batchBytes: number; queueBytes: number; compression: string },
): Properties {
  return {
    ...connectionProperties(kafka, agentName),
    "enable.idempotence": true,
    acks: -1,
    // No deadline: waiting is unlimited, a chunk is never dropped.
    "message.timeout.ms": 0,
    "linger.ms": 5,
    "batch.size": limits.batchBytes,
    // The client's own bound on a record; the topic's is respected by the size of the chunks.
    "message.max.bytes": 1_000_000_000,
    "queue.buffering.max.kbytes": Math.ceil(limits.queueBytes / 1024),
    "queue.buffering.max.messages": 100_000,
    "compression.type": limits.compression,
    // Few, so that what is on its way at 128 kbit/s stays below socket.timeout.ms.
    "max.in.flight.requests.per.connection": 3,
    "retry.backoff.ms": 200,
    "delivery.report.only.error": false,
    dr_cb: true,
    ...kafka.options,
  };
}

/** What was compressed while the topic took twice as much as by default can be read when it takes no more than that again. */
const leastBatchBytes = 2 << 20;

/**
 * A member of the downloaders' group.
 *
 * @param maxMessageBytes the topic's `max.message.bytes`, see `consumerProperties`
 * @param instance tells this member from every other one, also after a restart; undefined: it never joins
 */
export function groupConsumerProperties(
  kafka: KafkaConfig,
  agentName: string,
  group: string,
  instance: string | undefined,
  maxMessageBytes = 0,
): Properties {
  return {
    ...consumerProperties(kafka, agentName, maxMessageBytes),
    "group.id": group,
    // A static member: killed and started again it has its partitions back at once, not after the session's time.
    ...(instance === undefined ? {} : { "group.instance.id": instance }),
    "partition.assignment.strategy": "cooperative-sticky",
    // New partitions are taken on within this time.
    "topic.metadata.refresh.interval.ms": 30_000,
    "session.timeout.ms": 45_000,
    "enable.partition.eof": true,
    // A disk that hangs for longer gives the partitions to another member.
    "max.poll.interval.ms": 600_000,
    ...kafka.options,
  };
}

/**
 * How long a broker may wait when a reader has all that there is. A connection that is silent for longer would be forgotten by some
 * routers, and a topic that was deleted is learned of from the next answer.
 */
export const fetchWaitEndMs = 30_000;

/**
 * A reader of partitions that it names itself; it joins no group and commits nothing.
 *
 * @param maxMessageBytes the topic's `max.message.bytes`, see `consumerProperties`
 * @param fetchBytes how much is fetched at a time, of each partition
 */
export function readerProperties(
  kafka: KafkaConfig,
  agentName: string,
  maxMessageBytes = 0,
  fetchBytes = 1 << 20,
): Properties {
  return {
    ...consumerProperties(kafka, agentName, maxMessageBytes),
    // The client wants one, also where none is joined.
    "group.id": `streamsend-reader-${agentName}`,
    "coordinator.query.enable": false,
    "enable.partition.eof": true,
    // Until the end of all is told the broker waits but a moment, then for long: it answers at once when there is something.
    "fetch.wait.max.ms": 100,
    "fetch.wait.end.ms": fetchWaitEndMs,
    // Several of them beside the group's own: a quarter of its queue.
    "queued.max.messages.kbytes": fetchBytes >> 10,
    "fetch.message.max.bytes": fetchBytes,
    ...kafka.options,
  };
}

/**
 * @param maxMessageBytes the topic's `max.message.bytes`: no agent writes a batch that is larger than that before it is
 *   compressed, so what is larger once it is decompressed is not ours, but may be a bomb
 */
function consumerProperties(kafka: KafkaConfig, agentName: string, maxMessageBytes: number): Properties {
  return {
    ...connectionProperties(kafka, agentName),
    "enable.auto.commit": false,
    "enable.auto.offset.store": false,
    // Positions are resolved by the agent, which also sees and reports a gap. This is only for what can't be
    // foreseen (the log was cut while it was read): "error" would be safer, but the client drops the partition
    // from that error, and the partition would stand still unnoticed.
    "auto.offset.reset": "earliest",
    // The client's own queue is memory on top of ours: 64 MiB by default. Small queues need the short back-off,
    // or fetching pauses for a second each time the queue is full.
    "queued.max.messages.kbytes": 4096,
    "queued.min.messages": 1000,
    "fetch.message.max.bytes": 1_048_576,
    // An answer is kept whole until its last record is taken, and has a megabyte for each partition by default.
    "fetch.max.bytes": 2_097_152,
    "fetch.queue.backoff.ms": 2,
    "fetch.wait.max.ms": 500,
    // Decompressed; the client skips a batch beyond it and tells of it (`upstream-fixes.patch`).
    "fetch.batch.max.bytes": Math.max(leastBatchBytes, maxMessageBytes),
    // CRC-32C of the batches: a broken disk or network card on the way is noticed before our own checks.
    "check.crcs": true,
  };
}

function securityProperties(kafka: KafkaConfig): Properties {
  return {
    "security.protocol": `${kafka.sasl ? "sasl_" : ""}${kafka.tls ? "ssl" : "plaintext"}`,
    ...(kafka.tls ? tlsProperties(kafka.tls) : {}),
    ...(kafka.sasl ? saslProperties(kafka.sasl) : {}),
  };
}

function tlsProperties(tls: TlsConfig): Properties {
  return defined({
    "ssl.endpoint.identification.algorithm": tls.verifyHostname ? "https" : "none",
    // "probe": wherever this system keeps its authorities; the client is linked statically and knows no place.
    "ssl.ca.location": tls.ca ?? "probe",
    "ssl.certificate.location": tls.cert,
    "ssl.key.location": tls.key,
    "ssl.key.password": tls.keyPassword,
    "ssl.cipher.suites": tls.ciphers,
  });
}

function saslProperties(sasl: SaslConfig): Properties {
  return {
    "sasl.mechanisms": sasl.mechanism.toUpperCase(),
    "sasl.username": sasl.username,
    "sasl.password": sasl.password,
  };
}

function defined(properties: Record<string, string | undefined>): Properties {
  return Object.fromEntries(
    Object.entries(properties).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
