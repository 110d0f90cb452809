import { z } from "zod";
import { attributeNameRule, fitsAttributes, fitsAttributeValue } from "../wire/attributes.ts";
import { limits } from "../wire/limits.ts";
import { records } from "./schema-records.ts";
import {
  choice,
  duration,
  durationOrOff,
  flag,
  glob,
  group,
  integer,
  list,
  path,
  rateOrOff,
  size,
  sizeOrAuto,
  sizeOrOff,
  text,
} from "./values.ts";

/** librdkafka's largest message.max.bytes; no topic takes more. */
const LARGEST_MESSAGE_BYTES = 1_000_000_000;

const destination = () =>
  text()
    .refine(
      (value) => !value.startsWith("/") && !value.split("/").includes(".."),
      "must be a relative folder without ..",
    )
    .refine((value) => !/^(\.?\/)*\.streamsend(\/|$)/.test(value), "must not be the downloader's own folder");

const attributeValue = () =>
  z
    .string({ error: "must be one value" })
    .refine(fitsAttributeValue, `must be at most ${limits.attributeValue} bytes`)
    .refine((value) => value.isWellFormed(), "must not have half a character (a surrogate without its other)")
    .meta({ type: ["string", "number", "boolean"] });

const attributes = z
  .record(
    z
      .string()
      .regex(
        attributeNameRule,
        `must be named with 1 to ${limits.attributeName} small letters, digits, dots, underscores or hyphens`,
      ),
    attributeValue(),
  )
  .refine(
    (pairs) => Object.keys(pairs).length <= limits.attributes,
    `must be at most ${limits.attributes} pairs`,
  )
  .refine(fitsAttributes, `must be at most ${limits.attributesText} bytes together, written as JSON`);

const watch = z.strictObject({
  path: path().describe("A directory to send from. System directories themselves are refused."),
  as: destination().prefault("").describe("A folder to put it under at the destination. Empty: none."),
  include: list(glob())
    .min(1, "must have at least one glob, or no file is ever sent")
    .prefault(["**/*"])
    .describe("Globs on the relative path: what is sent."),
  exclude: list(glob())
    .prefault([])
    .describe("Globs on the relative path: what is not. Hidden files, links and special files never are."),
  recursive: flag().prefault(true).describe("Its subdirectories too."),
  attributes: attributes
    .prefault({})
    .describe(
      "Up to 16 short pairs that travel with each file; values up to 256 bytes. A change counts for files that are taken up later.",
    ),
  live: list(glob())
    .prefault([])
    .describe("Globs on the relative path: what is sent while it grows, as uploader.live says."),
});

const namePart = () =>
  text()
    .refine((value) => !value.includes("/"), "must be a part of a file's name, without a /")
    .refine((value) => Buffer.byteLength(value) <= 255, "must be at most 255 bytes");

/** Exported for its defaults. */
export const live = z.strictObject({
  checkpoint: duration(10)
    .prefault("1s")
    .describe("What a growing file has is sent this often, also when it fills no chunk."),
  idle: durationOrOff(10)
    .prefault("30s")
    .describe("A file that has not grown for so long has ended. Off when suffix or marker is set."),
  suffix: namePart()
    .prefault("")
    .describe("A file has ended when its name loses this; it arrives without it. Empty: none."),
  marker: namePart()
    .prefault("")
    .describe("A file has ended when another with its name and this behind it appears. Empty: none."),
  give_up: duration(1000, Number.MAX_SAFE_INTEGER)
    .prefault("24h")
    .describe("A file whose uploader has not been heard of for so long has failed."),
  max_bytes: sizeOrOff(1)
    .prefault("off")
    .describe("The most that one upload over HTTP may have. off: no limit."),
  reference: text()
    .refine(
      (value) => value === "" || /^wss?:\/\/[^\s/]+\/\S*$/.test(value),
      "must be a ws(s) address, such as ws://hub:9480/ws/streaming/download/{id}",
    )
    .prefault("")
    .describe("Where a WebSocket upload can be read, with {id} in it. Empty: the host that was asked."),
});

const testFile = z.strictObject({
  every: durationOrOff(1000)
    .prefault("off")
    .describe("How often a test file is written into the first watch. off: never."),
  bytes: size(1).prefault("1MiB").describe("The test file's size."),
});

export const uploader = z.strictObject({
  watch: list(watch).prefault([]).describe("The directories to send from; the role needs at least one."),
  settle: duration(0)
    .prefault("5s")
    .describe("A file whose size and times stood still this long is finished."),
  max_age: durationOrOff(1000, Number.MAX_SAFE_INTEGER)
    .prefault("off")
    .describe("Files older than this are left alone. off: none is too old."),
  existing: flag()
    .prefault(true)
    .describe("Files that are there at start are sent too, unless they were already."),
  rescan: duration(1000).prefault("60s").describe("A full look besides the file system's events."),
  rescan_content: durationOrOff(1000, Number.MAX_SAFE_INTEGER)
    .prefault("off")
    .describe("How often known files are read again, for changes that neither size nor times show."),
  chunk: sizeOrAuto(1024, LARGEST_MESSAGE_BYTES)
    .prefault("auto")
    .describe("Bytes per chunk. auto: as large as the topic takes."),
  checksum: choice(["md5", "sha256"]).prefault("md5").describe("What a file is verified with."),
  compression: choice(["none", "gzip", "snappy", "lz4", "zstd"])
    .prefault("none")
    .describe("Compression of the chunks on the way."),
  partitioning: choice(["file", "spread"])
    .prefault("file")
    .describe(
      "file: a path's chunks in one partition; spread: over all partitions, which takes one member of a group that has all of them.",
    ),
  in_flight: size(65_536)
    .prefault("8MiB")
    .describe("Read and not yet acknowledged, over all files: the bound of the memory."),
  parallel: integer(1, 64)
    .prefault(4)
    .describe("Files at a time. What is asked for again has as many places of its own."),
  rate: rateOrOff(1024).prefault("off").describe("Upload at most this much per second. off: no limit."),
  after: choice(["keep", "delete", "move"])
    .prefault("keep")
    .describe("What happens to a file that was sent."),
  after_when: choice(["acknowledged", "delivered"])
    .prefault("delivered")
    .describe("When: acknowledged by the brokers, or verified and stored by a downloader."),
  after_groups: list(group())
    .min(1, "must name at least one group")
    .max(16, "must name at most 16 groups")
    .refine((groups) => new Set(groups).size === groups.length, "must name each group once")
    .optional()
    .describe("Delivered means: by each of these downloader groups. Default: the one of kafka.topic."),
  move_to: path().optional().describe("after: move. On the watch's file system, outside every watch."),
  test_file: testFile
    .prefault({})
    .describe("Writes test files into the first watch, for trying a pipeline out."),
  live: live.prefault({}).describe("Files that are sent while they grow: when they end, and their limits."),
  records: records.prefault({}).describe("JSON over HTTP that becomes rows of a table."),
});
