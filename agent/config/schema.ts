/**
 * The configuration file's schema, in the file's own words. Everything else is derived from it: defaults and
 * validation, the JSON Schema (and from that the names of environment variables, nearest keys and masking),
 * and what `check` prints.
 */
import { z } from "zod";
import { formatAddress } from "../lib/address.ts";
import { downloader } from "./schema-downloader.ts";
import { kafka } from "./schema-kafka.ts";
import { uploader } from "./schema-uploader.ts";
import { attempt, choice, duration, flag, glob, list, path, secret, someText } from "./values.ts";

/** Where the agent listens when nothing else is said, and where `status` asks. */
export const HTTP_LISTEN_DEFAULT = "127.0.0.1:9480";

/** An agent's name: safe as a folder's, also with the `.send-<random>` that `send` adds. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

const encryption = z.strictObject({
  recipients: list(someText()).prefault([]).describe("Uploader: public keys of those who may read."),
  identity_file: path().optional().describe("File with this agent's own secret key."),
  senders: list(someText())
    .prefault([])
    .describe("Downloader: public keys of the uploaders it accepts. Empty: any."),
});

const listen = z.codec(z.string(), z.object({ host: z.string(), port: z.number() }).nullable(), {
  decode: (value, context) =>
    attempt(value, context, () => {
      if (value === "off") return null;
      const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(value);
      const port = Number(match?.[3]);
      if (match === null || port > 65_535) throw new Error("must be address:port, or off");
      return { host: match[1] ?? match[2] ?? "", port };
    }),
  encode: (value) => (value === null ? "off" : formatAddress(value)),
});

const token = (description: string) =>
  secret(description).regex(
    /^[\x21-\x7e]*$/,
    "must be printable ASCII characters without spaces: it is sent in an HTTP header",
  );

const limitedToken = z.strictObject({
  token: token("A token that opens /live and /ws only, for what its globs name.").optional(),
  token_file: path().optional().describe("File to read token from."),
  read: list(glob()).prefault([]).describe("Globs on UPLOADER/PATH: what it may read."),
  write: list(glob()).prefault([]).describe("Globs on UPLOADER/PATH: what it may write."),
});

const http = z.strictObject({
  listen: listen.prefault(HTTP_LISTEN_DEFAULT).describe("Address and port of the agent's HTTP, or off."),
  token: token("With a token, everything but /healthz asks for it.").prefault(""),
  token_file: path().optional().describe("File to read token from."),
  tokens: list(limitedToken).prefault([]).describe("Tokens that open only a part of /live and /ws."),
});

const log = z.strictObject({
  level: choice(["debug", "info", "warn", "error"]).prefault("info").describe("The least that is logged."),
  format: choice(["text", "json"]).prefault("text").describe("For people, or one JSON object a line."),
  chunks: flag().prefault(true).describe("The line per chunk."),
});

export const schema = z
  .strictObject({
    role: z
      .enum(["uploader", "downloader"], {
        error: ({ input }) => `${input === undefined ? "required," : "must be"} uploader or downloader`,
      })
      .describe("What this agent does."),
    name: z
      .string({ error: "must be text" })
      .regex(
        NAME_PATTERN,
        "must be letters, digits, dots, underscores and hyphens, a letter or digit first, at most 200",
      )
      .optional()
      .describe("The agent's name; downloaders file under it what it sends. Default: the host name."),
    shutdown_timeout: duration(0)
      .prefault("30s")
      .describe("How long a stop may take to finish what is on the way; the rest goes on at the next start."),
    kafka: kafka.prefault({}).describe("The cluster and the topics."),
    uploader: uploader.prefault({}).describe("Role uploader: what is sent, and how."),
    downloader: downloader.prefault({}).describe("Role downloader: where files go, and how."),
    encryption: encryption.prefault({}).describe("End to end, from uploader to downloader."),
    http: http.prefault({}).describe("Health, metrics and status over HTTP."),
    log: log.prefault({}).describe("What is printed to standard output."),
  })
  .meta({ title: "streamsend-agent", description: "Configuration of streamsend-agent." });

/** A validated configuration in the file's words: sizes in bytes, durations in milliseconds, null for `off`. */
export type Settings = z.output<typeof schema>;

/** JSON Schema (draft 2020-12) of the configuration file. */
export function jsonSchema() {
  return z.toJSONSchema(schema, { io: "input", target: "draft-2020-12" });
}
