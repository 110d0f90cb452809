/**
 * What the contract knows and this version cannot do. The schema has it from the start, so that a configuration
 * stays valid; using it is refused, so that nobody relies on what does not happen.
 * Built something? Delete its line here.
 */
import type { Settings } from "./schema.ts";

interface NotYet {
  readonly key: string;
  readonly used: (settings: Settings) => boolean;
}

export const notYet: readonly NotYet[] = [
  { key: "encryption", used: (s) => isUsed(s.encryption) },
  { key: "kafka.sasl.mechanism", used: (s) => s.kafka.sasl.mechanism === "oauthbearer" },
  { key: "kafka.sasl.mechanism", used: (s) => s.kafka.sasl.mechanism === "aws-msk-iam" },
  { key: "uploader.partitioning", used: (s) => s.uploader.partitioning === "spread" },
  { key: "uploader.test_file.every", used: (s) => s.uploader.test_file.every !== null },
];

export const commandsNotYet: readonly string[] = ["send", "keygen"];

function isUsed(encryption: Settings["encryption"]): boolean {
  const { recipients, senders, identity_file } = encryption;
  return recipients.length > 0 || senders.length > 0 || identity_file !== undefined;
}
