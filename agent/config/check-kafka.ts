import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { leastMessageBytes } from "../lib/limits.ts";
import type { Problems } from "./problems.ts";
import { fileProblem } from "./read-file.ts";
import type { Settings } from "./schema.ts";
import { tlsFileProblems } from "./tls-files.ts";

/** What the keys of `kafka` have to be to each other, and every topic to the others. */
export function checkKafka({ kafka, downloader }: Settings, problems: Problems): void {
  const { topic, ledger = "", tls, sasl, options } = kafka;
  // Kafka refuses a topic whose name differs from another only in . and _: their metrics would be one.
  if (plain(topic) === plain(ledger)) {
    problems.add(["kafka", "ledger"], "must be another topic than kafka.topic", ledger);
  }
  if (ledger.length > 249) problems.add(["kafka", "ledger"], "must be at most 249 characters", ledger);
  const events = downloader.events.topic;
  if (events !== null && [topic, ledger].some((other) => plain(other) === plain(events))) {
    problems.add(
      ["downloader", "events", "topic"],
      "must be another topic than kafka.topic and kafka.ledger",
      events,
    );
  }
  if (tls.cert !== undefined && tls.key === undefined) {
    problems.add(["kafka", "tls", "key"], "required with kafka.tls.cert");
  }
  if (tls.key !== undefined && tls.cert === undefined) {
    problems.add(["kafka", "tls", "cert"], "required with kafka.tls.key");
  }
  checkSasl(sasl, problems);
  checkLimits(options, problems);
}

/**
 * Limits of the client's own that leave no room for a chunk beside its headers, or for a single record in its queue: it would
 * refuse each, and the agent stand still.
 */
function checkLimits(options: Settings["kafka"]["options"], problems: Problems): void {
  const limits = [
    ["message.max.bytes", 1, leastMessageBytes],
    ["queue.buffering.max.kbytes", 1024, leastMessageBytes],
  ] as const;
  for (const [name, unitBytes, leastBytes] of limits) {
    const value = options[name];
    if (value !== undefined && Number(value) * unitBytes < leastBytes)
      problems.add(
        ["kafka", "options", name],
        `must be at least ${Math.ceil(leastBytes / unitBytes)}`,
        value,
      );
  }
}

/** Whether the files that `kafka` names can be used. What is switched off is not looked at. */
export async function checkKafkaFiles({ kafka }: Settings, problems: Problems): Promise<void> {
  const { tls, options } = kafka;
  if (tls.enabled) {
    const files = { ca: tls.ca, cert: tls.cert, key: tls.key, keyPassword: tls.key_password };
    for (const [key, problem] of tlsFileProblems(files)) {
      if (!problems.hasAt(["kafka", "tls", `${key}_file`])) problems.add(["kafka", "tls", key], problem);
    }
  }
  for (const [name, path] of Object.entries(options)) {
    // "probe" is no file, but asks the client to look for the system's authorities.
    if (!optionalFiles.test(name) || path === "" || path === "probe") continue;
    await access(path, constants.R_OK).catch((error: unknown) =>
      problems.add(["kafka", "options", name], fileProblem(path, error)),
    );
  }
}

/** librdkafka's properties that name a file, or a folder of files. */
const optionalFiles = /^ssl\.(ca|certificate|key|keystore|crl)\.location$/;

type Sasl = Settings["kafka"]["sasl"];

const NEEDED: Readonly<Record<NonNullable<Sasl["mechanism"]>, readonly (keyof Sasl)[]>> = {
  plain: ["username", "password"],
  "scram-sha-256": ["username", "password"],
  "scram-sha-512": ["username", "password"],
  oauthbearer: ["token_url", "client_id", "client_secret"],
  "aws-msk-iam": ["region"],
};

function checkSasl(sasl: Sasl, problems: Problems): void {
  const { mechanism, ...rest } = sasl;
  if (mechanism === undefined) {
    const isUsed = Object.values(rest).some((value) => value !== undefined && value !== "");
    if (isUsed) problems.add(["kafka", "sasl", "mechanism"], "required for a login");
    return;
  }
  for (const key of NEEDED[mechanism]) {
    const missing = sasl[key] === undefined || sasl[key] === "";
    // A password whose file cannot be read has been reported already.
    const reported = problems.hasAt(["kafka", "sasl", `${key}_file`]);
    if (missing && !reported) problems.add(["kafka", "sasl", key], `required for ${mechanism}`);
  }
  if (
    mechanism === "oauthbearer" &&
    sasl.token_url !== undefined &&
    !/^https?:\/\/\S+$/.test(sasl.token_url)
  ) {
    problems.add(["kafka", "sasl", "token_url"], "must be an http(s) address", sasl.token_url);
  }
}

function plain(topic: string): string {
  return topic.replaceAll("_", ".");
}
