import { z } from "zod";
import { tables } from "./schema-tables.ts";
import { choice, duration, flag, group, mode, path, size, topicOrOff } from "./values.ts";

const events = z.strictObject({
  topic: topicOrOff()
    .prefault("off")
    .describe(
      "A topic of its own that gets a CloudEvent for each file that was stored or failed. off: none.",
    ),
});

export const downloader = z.strictObject({
  output: path().optional().describe("Where files go; the directory has to exist. The role needs it."),
  group: group()
    .optional()
    .describe(
      "Downloaders of one group share the work; another group gets its own full copy. Default: kafka.topic.",
    ),
  layout: choice(["{uploader}/{path}", "{path}"])
    .prefault("{uploader}/{path}")
    .describe("A file's place under output; {path}: uploaders share one tree."),
  start: choice(["earliest", "latest"])
    .prefault("earliest")
    .describe("Where a new group begins: with what the topic still holds, or with what comes from now on."),
  on_change: choice(["replace", "keep-both"])
    .prefault("replace")
    .describe("A newer version of a path: replace, or keep the older one as name.~VERSION~.ext."),
  min_free: size(0)
    .prefault("256MiB")
    .describe("With less free space than this the downloader pauses, and goes on by itself."),
  keep_mtime: flag()
    .prefault(true)
    .describe("Files keep the source's modification time, as far as the output's file system can."),
  require_mount: flag().prefault(false).describe("Refuse to start when output is not a mount point."),
  file_mode: mode(0o400, "must let the owner read (0400)")
    .prefault("0644")
    .describe("Permissions of files, octal."),
  dir_mode: mode(0o700, "must let the owner read, write and enter (0700)")
    .prefault("0755")
    .describe("Permissions of folders that are made, octal."),
  give_up: duration(1000, Number.MAX_SAFE_INTEGER)
    .prefault("30d")
    .describe(
      "An uploader that has not answered for so long: what it owes is failed, and comes back with it.",
    ),
  events: events.prefault({}).describe("Tells others what has arrived."),
  tables: tables.prefault({}).describe("Where the uploaders' records become rows."),
});
