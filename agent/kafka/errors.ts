/**
 * The client's error codes as the agent's: permanent (asking again changes nothing), retryable (it may), fatal
 * (the client must be made anew). The one place that knows; `lib/retry.ts` obeys.
 * Codes: librdkafka's rd_kafka_resp_err_t, negative ones are local, others the Kafka protocol's.
 */
import { AgentError, type Severity } from "../lib/errors.ts";
import { errorTexts, isGeneric, isPermanentCode } from "./error-texts.ts";

export const codes = {
  /** The agent's own: no connection to the address of a broker, which its message names, could be made from here. */
  unreachable: -10_000,
  fatal: -150,
  fenced: -144,
  authentication: -169,
  ssl: -181,
  transport: -195,
  resolve: -193,
  allBrokersDown: -187,
  queueFull: -184,
  timedOut: -185,
  assignPartitions: -175,
  revokePartitions: -174,
  state: -172,
  badCompression: -198,
  badMessage: -199,
  unknownTopicLocal: -188,
  unknownPartitionLocal: -190,
  partitionEnd: -191,
  unknownTopic: 3,
  messageTooLarge: 10,
  batchTooLarge: 18,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  topicAuthorization: 29,
  groupAuthorization: 30,
  groupNotFound: 69,
  clusterAuthorization: 31,
  topicAlreadyExists: 36,
  saslAuthentication: 58,
  fencedInstance: 82,
} as const;

const permanent = new Set<number>([
  codes.authentication,
  codes.ssl,
  codes.topicAuthorization,
  codes.groupAuthorization,
  codes.clusterAuthorization,
  codes.saslAuthentication,
]);
const fatal = new Set<number>([codes.fatal, codes.fenced, codes.fencedInstance]);
const unanswered = new Set<number>([
  codes.unreachable,
  codes.transport,
  codes.resolve,
  codes.allBrokersDown,
  codes.timedOut,
]);
const rebalancing = new Set<number>([codes.illegalGeneration, codes.rebalanceInProgress]);

/** An error of the client or of a broker. */
export class KafkaError extends AgentError {
  declare readonly code: number;
  /** The message without what was tried. */
  readonly reason: string;

  constructor(what: string, code: number, reason: string, cause?: unknown) {
    super(`${what}: ${reason}`, severityOf(code), cause, code);
    this.name = "KafkaError";
    this.reason = reason;
  }

  /** No broker could be reached, or none answered in time. */
  get unanswered(): boolean {
    return unanswered.has(this.code);
  }

  /** The record or batch is larger than the topic takes now. */
  get tooLarge(): boolean {
    return this.code === codes.messageTooLarge || this.code === codes.batchTooLarge;
  }

  /** The group is between two generations; this consumer is still a member. */
  get rebalancing(): boolean {
    return rebalancing.has(this.code);
  }

  /** The topic or the partition is not there (now). */
  get unknownTopic(): boolean {
    return (
      this.code === codes.unknownTopic ||
      this.code === codes.unknownTopicLocal ||
      this.code === codes.unknownPartitionLocal
    );
  }
}

/**
 * What the client gave to a callback, threw or reported, as the agent's error.
 *
 * @param groupRight the right that it needs on a group, and on which: "READ on group streamsend"
 */
export function kafkaError(what: string, error: unknown, groupRight = "a right there"): KafkaError {
  if (error instanceof KafkaError) return error;
  const code = errorCode(error);
  const reason =
    code === codes.groupAuthorization
      ? `the brokers deny this user the group: it needs ${groupRight}`
      : explain(code, error);
  return new KafkaError(what, code, reason, error);
}

/**
 * What a call to the client answers by its callback. Throws a `KafkaError`.
 *
 * @param what see `kafkaError`, as `groupRight`
 */
export function ask<Answer>(
  what: string,
  call: (answer: (error: unknown, answer?: Answer) => void) => void,
  groupRight?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Without an error there is an answer, where there is to be one.
    call((error, answer) =>
      error ? reject(kafkaError(what, error, groupRight)) : resolve(answer as Answer),
    );
  });
}

export const tlsWanted = "the brokers speak TLS on this port: check kafka.tls.enabled and kafka.brokers";
export const tlsUnknown =
  "the brokers do not speak TLS on this port: check kafka.brokers and kafka.tls.enabled";

const unknownAuthority = "the brokers' certificate is not signed by a known authority: check kafka.tls.ca";
const wrongHostName =
  "the brokers' certificate is for another host name: check kafka.brokers (or kafka.tls.verify_hostname)";

/** What a line of the client's log says of a failed login or TLS handshake. */
export interface SecurityProblem {
  setting: "kafka.sasl" | "kafka.tls";
  code: number;
  /** One line, with what to do. */
  reason: string;
}

const securityProblems: readonly (readonly [RegExp, SecurityProblem["setting"], string])[] = [
  [
    /unsupported sasl mechanism|mechanism handshake failed/i,
    "kafka.sasl",
    "the brokers do not offer this kafka.sasl.mechanism",
  ],
  [
    /sasl authentication error|authentication failure|SASL.*(fail|error|invalid)/i,
    "kafka.sasl",
    "the login was refused: check kafka.sasl.mechanism, username and password",
  ],
  [/hostname mismatch|IP address mismatch|does not match/i, "kafka.tls", wrongHostName],
  [
    /certificate verify failed|unable to get (local )?issuer|self[- ]signed certificate/i,
    "kafka.tls",
    unknownAuthority,
  ],
  [
    /certificate (required|expired|revoked)|bad certificate|unknown ca|certificate unknown|handshake failure|alert protocol version|unsupported protocol/i,
    "kafka.tls",
    "the brokers refused the TLS handshake: check kafka.tls.cert and kafka.tls.key",
  ],
  [
    /ssl.*(wrong version number|unexpected message|packet length)|connecting to a PLAINTEXT/i,
    "kafka.tls",
    tlsUnknown,
  ],
];

/** A one-line explanation of a failed TLS handshake or login from the client's log line, with what to do. */
export function explainSecurity(line: string): SecurityProblem | undefined {
  // Without the broker's address: in `sasl_ssl://…: SSL handshake failed` only the latter is the reason.
  const logLine = line.replace(/\bsasl_(ssl|plaintext):\/\/\S+/gi, "");
  // A missing right: who lacks it has logged in. And a connection that ended, or was ended, before the brokers had answered.
  if (/authorization failed|(SaslAuthenticateRequest|handshake) failed: Local: /i.test(logLine))
    return undefined;
  const found = securityProblems.find(([pattern]) => pattern.test(logLine));
  if (!found) return undefined;
  const [, setting, reason] = found;
  return { setting, code: setting === "kafka.sasl" ? codes.authentication : codes.ssl, reason };
}

function severityOf(code: number): Severity {
  if (permanent.has(code) || isPermanentCode(code)) return "permanent";
  return fatal.has(code) ? "fatal" : "retryable";
}

function errorCode(error: unknown): number {
  if (typeof error === "number") return error;
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "number")
    return error.code;
  return -199; // librdkafka's "bad message": none of the codes that anything here depends on
}

function explain(code: number, error: unknown): string {
  switch (code) {
    case codes.topicAuthorization:
      return "the brokers deny this user the topic: it needs READ, WRITE and DESCRIBE there (CREATE to make it)";
    case codes.clusterAuthorization:
      return "the brokers deny this user the cluster: idempotent writing needs IDEMPOTENT_WRITE on brokers before 2.8";
    case codes.transport:
    case codes.allBrokersDown:
    case codes.resolve:
    case codes.timedOut:
      return "no broker can be reached";
    default: {
      const known = errorTexts[code];
      const words = wordsOf(error);
      if (known === undefined) return words ?? `error ${code}`;
      return words === undefined || isGeneric(words) ? known : `${known} (${words})`;
    }
  }
}

function wordsOf(error: unknown): string | undefined {
  return typeof error === "object" && error !== null && "message" in error
    ? String(error.message)
    : undefined;
}
