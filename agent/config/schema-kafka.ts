import { z } from "zod";
import { choice, duration, flag, integer, list, path, secret, someText, text, topic } from "./values.ts";

const BROKER = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\])(:(\d{1,5}))?$/;

const broker = () =>
  someText().refine((value) => {
    const match = BROKER.exec(value);
    const port = Number(match?.[3] ?? 9092);
    return match !== null && port > 0 && port < 65_536;
  }, "must be host:port");

const tls = z.strictObject({
  enabled: flag().prefault(false).describe("Speak TLS to the brokers."),
  ca: path().optional().describe("File (PEM) with the authorities to trust. Default: the system's."),
  cert: path().optional().describe("File (PEM) with this agent's certificate, for mutual TLS; needs key."),
  key: path().optional().describe("File (PEM) with the certificate's private key."),
  key_password: secret("Password of the private key.").prefault(""),
  key_password_file: path().optional().describe("File to read key_password from."),
  ciphers: text().prefault("").describe("Cipher list in OpenSSL's notation. Empty: OpenSSL's default."),
  verify_hostname: flag().prefault(true).describe("The broker's certificate has to be for its host name."),
});

const sasl = z.strictObject({
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
  ca: path()
    .optional()
    .describe("oauthbearer: file (PEM) with the authorities to trust for token_url. Default: the system's."),
  scope: text().optional().describe("oauthbearer: the scope to ask for."),
  extensions: text().optional().describe("oauthbearer: SASL extensions, key=value, comma separated."),
  region: text().optional().describe("aws-msk-iam: the AWS region of the cluster."),
});

const option = () => z.string({ error: "must be one value" }).meta({ type: ["string", "number", "boolean"] });

export const kafka = z.strictObject({
  brokers: list(broker())
    .min(1, "must name at least one broker")
    .prefault(["localhost:9092"])
    .describe("Some of the cluster's brokers, host:port; the others are found through them."),
  topic: topic().prefault("streamsend").describe("The topic of the chunks."),
  ledger: topic()
    .optional()
    .describe(
      "The compacted topic of what was sent and what arrived, of kafka.topic alone. Default: <topic>.ledger.",
    ),
  create_topics: flag()
    .prefault(true)
    .describe("Make the topics when they are missing; false: a missing topic is an error."),
  partitions: integer(1, 100_000)
    .prefault(1)
    .describe("Partitions of the chunks' topic, when the agent makes it."),
  ledger_partitions: integer(1, 100_000)
    .prefault(64)
    .describe("Partitions of the ledger, when the agent makes it; fixed from then on."),
  replication: integer(-1, 32_767)
    .refine((value) => value !== 0, "must be -1 (the brokers' default) or at least 1")
    .prefault(-1)
    .describe(
      "Copies of the topics that the agent makes. -1: the brokers' default, which is one copy where they are not set otherwise. In a cluster of three or more: 3.",
    ),
  retention: duration(1000, Number.MAX_SAFE_INTEGER)
    .prefault("7d")
    .describe("How long the chunks' topic keeps them, when the agent makes it."),
  tls: tls.prefault({}).describe("Encryption of the connection to the brokers."),
  sasl: sasl.prefault({}).describe("Login at the brokers."),
  options: z
    .record(z.string().regex(/^[a-z][a-z0-9._]*$/, "must be a librdkafka property's name"), option())
    .prefault({})
    .describe("Any librdkafka property, as it is; wins over the agent's own choice."),
});
