/**
 * The files that the connection is made from, as they are now: a password, a secret or a certificate may be changed on disk while
 * the agent runs, and is read again each time it connects.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { KafkaConfig, SaslConfig, TlsConfig } from "../../config/config.ts";
import { readSecretFile } from "../../config/secret-files.ts";
import { tlsFileProblems } from "../../config/tls-files.ts";
import { codeOf } from "../../lib/errors.ts";
import { codes, KafkaError } from "../errors.ts";

/** With the secrets that are in the files now. Throws a permanent `KafkaError` that names every file that can't be used now. */
export function withFreshFiles(kafka: KafkaConfig): KafkaConfig {
  const problems: string[] = [];
  const secret = (key: string, file: string | undefined, before: string): string => {
    if (file === undefined) return before;
    const read = readSecretFile(file);
    if ("text" in read) return read.text;
    problems.push(`${key}: ${read.problem}`);
    return before;
  };
  const fresh = { ...kafka, tls: freshTls(kafka.tls, secret), sasl: freshSasl(kafka.sasl, secret) };
  for (const [key, problem] of fresh.tls ? tlsFileProblems(fresh.tls) : [])
    problems.push(`kafka.tls.${key}: ${problem}`);
  if (problems.length > 0)
    throw new KafkaError("connecting to Kafka", codes.authentication, problems.join("; "));
  return fresh;
}

/** Another one as soon as the content of any of the files is. */
export function fingerprintOfFiles({ tls, sasl, options }: KafkaConfig): string {
  const files = [
    tls?.ca,
    tls?.cert,
    tls?.key,
    tls?.keyPasswordFile,
    sasl?.passwordFile,
    ...Object.entries(options).flatMap(([name, value]) => (name.endsWith(".location") ? [value] : [])),
  ];
  const hash = createHash("sha256");
  for (const file of files) hash.update(file === undefined ? "" : contentOf(file)).update("\0");
  return hash.digest("hex");
}

type Secret = (key: string, file: string | undefined, before: string) => string;

function freshTls(tls: TlsConfig | undefined, secret: Secret): TlsConfig | undefined {
  if (tls?.keyPasswordFile === undefined) return tls;
  const before = tls.keyPassword ?? "";
  return { ...tls, keyPassword: secret("kafka.tls.key_password_file", tls.keyPasswordFile, before) };
}

function freshSasl(sasl: SaslConfig | undefined, secret: Secret): SaslConfig | undefined {
  if (sasl === undefined) return undefined;
  return { ...sasl, password: secret("kafka.sasl.password_file", sasl.passwordFile, sasl.password) };
}

function contentOf(file: string): Buffer | string {
  try {
    return readFileSync(file);
  } catch (error) {
    return codeOf(error) ?? "";
  }
}
