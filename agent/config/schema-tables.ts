import { z } from "zod";
import { RECORDS_NAME, sqlName } from "./schema-records.ts";
import { duration, flag, integer, list, path, secret, size, someText, text } from "./values.ts";

const s3 = z.strictObject({
  endpoint: someText()
    .regex(/^https?:\/\/[^\s/?#@]+\/?$/, "must be an http(s) address without a path")
    .optional()
    .describe("The storage's address. Default: that of AWS."),
  region: someText().optional().describe("The bucket's region."),
  bucket: someText().describe("The bucket."),
  prefix: text()
    .refine((value) => !value.startsWith("/"), "must not begin with /")
    .prefault("")
    .describe("Put before the slices' names."),
  path_style: flag().prefault(false).describe("The bucket in the address's path, not in its host name."),
  access_key_id: secret("The access key's ID.").optional(),
  access_key_id_file: path().optional().describe("File to read access_key_id from."),
  secret_access_key: secret("The access key's secret.").optional(),
  secret_access_key_file: path().optional().describe("File to read secret_access_key from."),
});

const staging = z.strictObject({
  directory: path().optional().describe("A directory for the slices. Either this or s3."),
  s3: s3.optional().describe("A bucket for the slices, in S3 or what speaks its protocol."),
});

const slice = z.strictObject({
  records: integer(1, 1_000_000_000).prefault(10_000).describe("As soon as it has so many records."),
  bytes: size(1).prefault("5MB").describe("As soon as it is so large, compressed."),
  time: duration(100).prefault("30s").describe("As soon as it is so old."),
});

const imports = z.strictObject({
  records: integer(1, 1_000_000_000).prefault(50_000).describe("As soon as so many records wait for it."),
  bytes: size(1).prefault("50MB").describe("As soon as so much waits for it, compressed."),
  slices: integer(1, 100_000).prefault(100).describe("As soon as so many slices wait for it."),
  time: duration(100).prefault("1m").describe("As soon as one has waited so long."),
  keep: duration(0, Number.MAX_SAFE_INTEGER).prefault("7d").describe("How long imported slices are kept."),
});

const target = () =>
  someText()
    .refine(
      (value) => !/^[a-z]+:\/\/[^/]*:[^/]*@/.test(value),
      "must not have the password in it: that is password_file",
    )
    .refine(
      (value) => /^(manifest|sqlite:.+|postgres(ql)?:\/\/[^\s/]+\/\S+)$/.test(value),
      "must be sqlite:FILE, postgres://USER@HOST/DATABASE or manifest",
    );

const sink = z.strictObject({
  source: someText()
    .regex(new RegExp(`^${RECORDS_NAME}/${RECORDS_NAME}$`), "must be PROJECT/ID of a source")
    .describe("Whose records: PROJECT/ID."),
  table: sqlName().describe("The table's name."),
  target: target().describe("Where the table is: sqlite:FILE, postgres://USER@HOST/DATABASE or manifest."),
  password: secret("postgres: the user's password.").optional(),
  password_file: path().optional().describe("File to read password from."),
  slice: slice.prefault({}).describe("When a slice is closed."),
  import: imports.prefault({}).describe("When closed slices go into the table, and how long they are kept."),
});

export const tables = z.strictObject({
  staging: staging.prefault({}).describe("Where slices wait for their import."),
  sinks: list(sink).prefault([]).describe("Which records go into which table."),
});
