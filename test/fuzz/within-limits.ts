/** Whether what was decoded of a record is within the limits of docs/protocol.md, whatever the record was. */
import type { Decoded } from "../../agent/wire/chunk.ts";
import type { Entry } from "../../agent/wire/entry.ts";
import { limits } from "../../agent/wire/limits.ts";
import { pathToBytes } from "../../agent/wire/path.ts";

/** The most characters of a text by the name of its field; of other texts the decoder leaves none but short words. */
const mostOf: Readonly<Record<string, number>> = {
  path: limits.pathText,
  uploader: limits.uploader,
  group: limits.group,
  topic: limits.topicId,
  from: limits.fromText,
  to: limits.fromText,
  reason: limits.reason,
  host: limits.host,
  instance: limits.instance,
  process: limits.process,
  inode: limits.inode,
  time: limits.time,
  what: 100,
};
const mostOfOthers = 80;
const mostItems: Readonly<Record<string, number>> = {
  ranges: limits.ranges,
  offsets: limits.startPartitions,
  files: limits.files,
  open: limits.open,
  but: limits.marked,
  also: limits.marked,
  early: limits.early,
};

/** Texts and lists just below, at, and just over each limit. */
export const textsAtLimits: readonly string[] = [
  ...Object.values(limits).flatMap((most) =>
    most > limits.pathText ? [] : [most - 1, most, most + 1].map((length) => "n".repeat(length)),
  ),
  ...[0, 1].map((over) => `t${" 0@0".repeat(limits.places + over)}`),
  `t ${limits.partition}@0`,
  `t ${limits.partition + 1}@0`,
  `${"d/".repeat(limits.path / 2 - 1)}ff`,
  `${"d/".repeat(limits.path / 2 - 1)}fff`,
];

/** Throws where a text, a list or a number is larger than the page allows. */
export function assertWithinLimits(decoded: Decoded | Entry): void {
  walk("record", decoded);
  if ("path" in decoded && decoded.kind !== "refused" && pathToBytes(decoded.path).length > limits.path)
    throw new Error("a path over its limit");
}

function walk(name: string, value: unknown): void {
  if (name === "attributes") checkAttributes(value);
  else if (typeof value === "string") {
    if (value.length > (mostOf[name] ?? mostOfOthers)) throw new Error(`${name}: ${value.length} characters`);
  } else if (typeof value === "number") {
    const most = name === "partition" ? limits.partition : Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < 0 || value > most) throw new Error(`${name}: ${value}`);
  } else if (Array.isArray(value)) {
    if (value.length > (mostItems[name] ?? limits.places)) throw new Error(`${name}: ${value.length} items`);
    for (const item of value) walk(name, item);
  } else if (typeof value === "object" && value !== null && !Buffer.isBuffer(value)) {
    const entries = Object.entries(value);
    if (entries.length > (mostItems[name] ?? 20)) throw new Error(`${name}: ${entries.length} fields`);
    for (const [field, inner] of entries) walk(field, inner);
  }
}

function checkAttributes(value: unknown): void {
  if (value === undefined) return;
  const pairs = Object.entries(value as object);
  const isFew = pairs.length > 0 && pairs.length <= limits.attributes;
  const areGood = pairs.every(
    ([name, text]) =>
      /^[a-z0-9._-]{1,64}$/.test(name) &&
      typeof text === "string" &&
      Buffer.byteLength(text) <= limits.attributeValue,
  );
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (!isFew || !areGood || bytes > limits.attributesText)
    throw new Error(`attributes: ${pairs.length} pairs, ${bytes} bytes`);
}
