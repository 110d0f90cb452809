/**
 * The configuration file's schema, in the file's own words. Everything else is derived from it: defaults and
 * validation, the JSON Schema (and from that the names of environment variables, nearest keys and masking),
 * and what `check` prints.
 */
import { list, section } from "./composed.ts";
import type { JsonSchema, ValueOf } from "./kind.ts";
import { HTTP_LISTEN_DEFAULT } from "./not-yet.ts";
import { downloader } from "./schema-downloader.ts";
import { kafka } from "./schema-kafka.ts";
import { uploader } from "./schema-uploader.ts";
import { choice, duration, flag, parsed, path, secret, someText, textLike } from "./values.ts";

/** An agent's name: safe as a folder's, also with the `.send-<random>` that `send` adds. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

const encryption = section({
  recipients: list(someText()).default([]).describe("Uploader: public keys of those who may read."),
  identity_file: path().optional().describe("File with this agent's own secret key."),
  senders: list(someText())
    .default([])
    .describe("Downloader: public keys of the uploaders it accepts. Empty: any."),
});

const listen = parsed(
  (given) => {
    if (given === "off") return null;
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(given);
    const port = Number(match?.[3]);
    if (match === null || port > 65_535) throw new Error("must be address:port, or off");
    return { host: match[1] ?? match[2] ?? "", port };
  },
  (value) => {
    if (value === null) return "off";
    return value.host.includes(":") ? `[${value.host}]:${value.port}` : `${value.host}:${value.port}`;
  },
  { type: "string" },
);

const http = section({
  listen: listen.default(HTTP_LISTEN_DEFAULT).describe("Address and port of the agent's HTTP, or off."),
  token: secret("With a token, everything but /healthz asks for it.").default(""),
  token_file: path().optional().describe("File to read token from."),
});

const log = section({
  level: choice(["debug", "info", "warn", "error"]).default("info").describe("The least that is logged."),
  format: choice(["text", "json"]).default("text").describe("For people, or one JSON object a line."),
  chunks: flag().default(true).describe("The line per chunk."),
});

export const schema = section({
  role: choice(
    ["uploader", "downloader"],
    "must be uploader or downloader",
    "required, uploader or downloader",
  ).describe("What this agent does."),
  name: textLike(
    NAME_PATTERN,
    "must be letters, digits, dots, underscores and hyphens, a letter or digit first, at most 200",
  )
    .optional()
    .describe("The agent's name; downloaders file under it what it sends. Default: the host name."),
  shutdown_timeout: duration(0)
    .default("30s")
    .describe("How long a stop may take to finish what is on the way; the rest goes on at the next start."),
  kafka: kafka.default({}).describe("The cluster and the topics."),
  uploader: uploader.default({}).describe("Role uploader: what is sent, and how."),
  downloader: downloader.default({}).describe("Role downloader: where files go, and how."),
  encryption: encryption.default({}).describe("End to end, from uploader to downloader."),
  http: http.default({}).describe("Health, metrics and status over HTTP."),
  log: log.default({}).describe("What is printed to standard output."),
});

/** A validated configuration in the file's words: sizes in bytes, durations in milliseconds, null for `off`. */
export type Settings = ValueOf<typeof schema>;

/** JSON Schema (draft 2020-12) of the configuration file. */
export function jsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "streamsend-agent",
    description: "Configuration of streamsend-agent.",
    ...schema.json,
  };
}
