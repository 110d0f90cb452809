import { isIP } from "node:net";
import { z } from "zod";
import { choice, flag, list, path, secret, size, someText, text } from "./values.ts";

/** A part of a URL's path: what a project and a source are called. */
export const RECORDS_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";

const name = () =>
  text().regex(
    new RegExp(`^${RECORDS_NAME}$`),
    "must be 1 to 64 letters, digits, dots, underscores or hyphens, a letter or digit first",
  );

/** What a table and its columns are called: known to every database, and safe as a folder's name. */
export const sqlName = () =>
  text().regex(
    /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
    "must be 1 to 63 letters, digits or underscores, no digit first",
  );

/** Text of any number of lines. */
const lines = () => z.string({ error: ({ input }) => (input === undefined ? "required" : "must be text") });

// `value` comes first: a bare text in the list is then taken, and masked, as a secret.
const sourceSecret = z.strictObject({
  value: secret("The last part of the address that records are sent to.")
    .regex(/^[\x21-\x2e\x30-\x7e]+$/, "must be printable ASCII characters without spaces and /")
    .optional(),
  file: path().optional().describe("File to read value from."),
});

const column = z.strictObject({
  name: sqlName().describe("The column's name in the table."),
  type: choice(["uuid", "datetime", "ip", "headers", "body", "static", "path", "template"]).describe(
    "What it holds: a new UUID, the time, the sender's address, all headers, the whole body, a fixed text, a value of the body, or what Jsonnet makes of it.",
  ),
  primary_key: flag().prefault(false).describe("Part of the table's primary key."),
  value: lines().optional().describe("static: the text."),
  path: someText().optional().describe("path: where the value is in the body, such as items[0].sku."),
  default: lines()
    .optional()
    .describe("path: what stands for a value that is missing. Without it such a record is refused."),
  raw: flag().prefault(false).describe("path: a text without the quotes and escapes that it has in JSON."),
  jsonnet: lines().min(1, "must not be empty").optional().describe("template: an expression in Jsonnet."),
});

const source = z.strictObject({
  id: name().describe("The source's part of the address."),
  secrets: list(sourceSecret)
    .min(1, "must have at least one")
    .describe("Any of these opens it; several while one is rotated."),
  enabled: flag().prefault(true).describe("false: answers as one that is not there."),
  wait: flag()
    .prefault(true)
    .describe("Answer when all replicas have the record (200); false: when it is taken (202)."),
  max_body: size(1, 1_000_000_000).prefault("1MB").describe("The largest body that is taken."),
  max_headers: size(1, 1_048_576)
    .prefault("16KB")
    .describe("The largest headers that are taken, all together."),
  cors: list(
    someText().regex(
      /^(\*|https?:\/\/[^\s/?#@]+)$/,
      "must be an origin such as https://shop.example.com, or *",
    ),
  )
    .prefault([])
    .describe("Origins whose pages may send to it; * for all."),
  columns: list(column).min(1, "must have at least one").describe("The columns of a row, in their order."),
});

export const records = z.strictObject({
  project: name().optional().describe("The first part of the sources' addresses. Needed with sources."),
  trusted_proxies: list(
    someText().refine(isAddress, "must be an IP address, or a network such as 10.0.0.0/8"),
  )
    .prefault([])
    .describe("Proxies whose X-Forwarded-For is believed: addresses and networks."),
  sources: list(source).prefault([]).describe("Where records come in, at /stream/PROJECT/ID/SECRET."),
});

function isAddress(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || address.includes("%") || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
