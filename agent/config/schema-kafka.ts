import { anyKeys, list, section } from "./composed.ts";
import {
  anything,
  choice,
  duration,
  flag,
  integer,
  path,
  secret,
  someText,
  text,
  textLike,
} from "./values.ts";

const BROKER = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\])(:(\d{1,5}))?$/;

const broker = () =>
  someText().check((value) => {
    const match = BROKER.exec(value);
    const port = Number(match?.[3] ?? 9092);
    return match !== null && port > 0 && port < 65_536;
  }, "must be host:port");

// Kafka's own rule (org.apache.kafka.common.internals.Topic).
const topic = () =>
  textLike(
    /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/,
    "must be 1 to 249 letters, digits, dots, underscores or hyphens",
  );

const tls = section({
  enabled: flag().default(false).describe("Speak TLS to the brokers."),
  ca: path().optional().describe("File (PEM) with the authorities to trust. Default: the system's."),
  cert: path().optional().describe("File (PEM) with this agent's certificate, for mutual TLS; needs key."),
  key: path().optional().describe("File (PEM) with the certificate's private key."),
  key_password: secret("Password of the private key.").default(""),
  key_password_file: path().optional().describe("File to read key_password from."),
  ciphers: text().default("").describe("Cipher list in OpenSSL's notation. Empty: OpenSSL's default."),
  verify_hostname: flag().default(true).describe("The broker's certificate has to be for its host name."),
});

const sasl = section({
  mechanism: choice(["plain", "scram-sha-256", "scram-sha-512", "oauthbearer", "aws-msk-iam"])
    .optional()
    .describe("How to log in. Default: no login."),
  username: text().optional().describe("plain and scram: the user."),
  password: secret("plain and scram: the user's password.").optional(),
  password_file: path().optional().describe("File to read password from."),
  token_url: text().optional().describe("oauthbearer: where tokens come from (OIDC token endpoint)."),
  client_id: text().optional().describe("oauthbearer: this client."),
  client_secret: secret("oauthbearer: the client's secret.").optional(),
  client_secret_file: path().optional().describe("File to read client_secret from."),
  scope: text().optional().describe("oauthbearer: the scope to ask for."),
  extensions: text().optional().describe("oauthbearer: SASL extensions, key=value, comma separated."),
  region: text().optional().describe("aws-msk-iam: the AWS region of the cluster."),
});

export const kafka = section({
  brokers: list(broker(), "must name at least one broker")
    .default(["localhost:9092"])
    .describe("Some of the cluster's brokers, host:port; the others are found through them."),
  topic: topic().default("streamsend").describe("The topic of the chunks."),
  ledger: topic()
    .optional()
    .describe("The compacted topic of what was sent and what arrived. Default: <topic>.ledger."),
  create_topics: flag()
    .default(true)
    .describe("Make the topics when they are missing; false: a missing topic is an error."),
  partitions: integer(1, 100_000)
    .default(1)
    .describe("Partitions of the chunks' topic, when the agent makes it."),
  ledger_partitions: integer(1, 100_000)
    .default(64)
    .describe("Partitions of the ledger, when the agent makes it; fixed from then on."),
  replication: integer(-1, 32_767)
    .check((value) => value !== 0, "must be -1 (the brokers' default) or at least 1")
    .default(-1)
    .describe("Copies of the topics that the agent makes. -1: the brokers' default."),
  retention: duration(1000, Number.MAX_SAFE_INTEGER)
    .default("7d")
    .describe("How long the chunks' topic keeps them, when the agent makes it."),
  tls: tls.default({}).describe("Encryption of the connection to the brokers."),
  sasl: sasl.default({}).describe("Login at the brokers."),
  options: anyKeys(/^[a-z][a-z0-9._]*$/, "must be a librdkafka property's name", anything())
    .default({})
    .describe("Any librdkafka property, as it is; wins over the agent's own choice."),
});
