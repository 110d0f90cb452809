/**
 * What the contract knows and this version cannot do. The schema has it from the start, so that a configuration
 * stays valid; using it is refused, so that nobody relies on what does not happen.
 * Built something? Delete its line here.
 */
import type { Settings } from "./schema.ts";
import { live } from "./schema-uploader.ts";

/** The keys by which the settings use a feature; none: they do not. */
type NotYet = (settings: Settings) => readonly string[];

const notYet: readonly NotYet[] = [
  ({ encryption: { recipients, senders, identity_file } }) =>
    when(recipients.length > 0 || senders.length > 0 || identity_file !== undefined, "encryption"),
  ({ kafka }) => when(kafka.sasl.mechanism === "oauthbearer", "kafka.sasl.mechanism"),
  ({ kafka }) => when(kafka.sasl.ca !== undefined, "kafka.sasl.ca"),
  ({ kafka }) => when(kafka.sasl.mechanism === "aws-msk-iam", "kafka.sasl.mechanism"),
  ({ uploader }) => [
    ...uploader.watch.flatMap((watch, index) => when(watch.live.length > 0, `uploader.watch.${index}.live`)),
    ...keysOf(liveDefaults).flatMap((key) =>
      when(uploader.live[key] !== liveDefaults[key], `uploader.live.${key}`),
    ),
  ],
  ({ uploader: { records } }) =>
    when(
      records.project !== undefined || records.trusted_proxies.length > 0 || records.sources.length > 0,
      "uploader.records",
    ),
  ({ downloader: { tables } }) =>
    when(
      tables.staging.directory !== undefined || tables.staging.s3 !== undefined || tables.sinks.length > 0,
      "downloader.tables",
    ),
  ({ http }) => when(http.tokens.length > 0, "http.tokens"),
];

const liveDefaults = live.parse({});

/** The keys of what is used and cannot be done. */
export function keysNotYet(settings: Settings): readonly string[] {
  return notYet.flatMap((usedKeys) => usedKeys(settings));
}

function when(isUsed: boolean, key: string): readonly string[] {
  return isUsed ? [key] : [];
}

function keysOf<Values extends object>(values: Values): (keyof Values & string)[] {
  return Object.keys(values) as (keyof Values & string)[];
}
