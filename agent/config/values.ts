/**
 * The kinds of values that the schema is made of. Each says in its message what would be right, as the
 * text after the key's name; where the agent's form differs from the file's, a codec knows both ways, so that
 * `check` prints what the file may contain.
 */
import { z } from "zod";
import {
  DURATION_PATTERN,
  formatDuration,
  formatRate,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
  RATE_PATTERN,
  SIZE_PATTERN,
} from "./units.ts";

/** Node's timers fire at once beyond 2^31 ms (24.8 days), so nothing that is waited for may be longer. */
export const LONGEST_TIMER_MS = 24 * 86_400_000;

type RawIssue = { readonly input?: unknown };
const otherwise = (message: string) => (issue: RawIssue) =>
  issue.input === undefined ? "required" : message;

export const flag = () => z.boolean({ error: otherwise("must be true or false") });

export const choice = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: otherwise(`must be one of ${values.join(", ")}`) });

export function integer(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .int({ error: otherwise(message) })
    .min(min, message)
    .max(max, message);
}

/** Free text on one line; NUL and line breaks are in no name that Kafka or a file system of ours takes. */
export const text = () =>
  z.string({ error: otherwise("must be text") }).refine(isOneLine, "must not contain control characters");

/** Free text that has to be there. */
export const someText = () => text().min(1, "must not be empty");

/** The name of a downloaders' group. Half a character would be another one on its way: the group would not find what it has said. */
export const group = () =>
  someText()
    .max(249, "must be at most 249 characters")
    .refine(
      (value) => value.isWellFormed(),
      "must not have half a character (a surrogate without its other)",
    );

/** A glob on a path that has no / in front. */
export const glob = () =>
  someText().refine(
    (value) => !value.startsWith("/"),
    "must be a glob on the relative path, without a / in front",
  );

/** The name of a topic, by Kafka's own rule (org.apache.kafka.common.internals.Topic). */
export const topic = () =>
  z
    .string({ error: otherwise("must be a topic's name") })
    .regex(
      /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/,
      "must be 1 to 249 letters, digits, dots, underscores or hyphens",
    );

/** The name of a topic; null is "off". */
export const topicOrOff = () =>
  z.codec(topic(), z.string().nullable(), {
    decode: (value) => (value === "off" ? null : value),
    encode: (value) => value ?? "off",
  });

/** A secret: marked so in the JSON Schema, which is where masking looks. Its `_file` twin stands beside it. */
export const secret = (description: string) =>
  z.string({ error: otherwise("must be text") }).meta({ description, writeOnly: true });

/** A file or folder; a relative one is resolved later, against the working directory. */
export const path = () =>
  someText().refine(
    (value) => !/^~(\/|$)/.test(value),
    "~ is not expanded, write the whole path, or use $" + "{HOME}",
  );

export const list = <Item extends z.ZodType>(item: Item) =>
  z.array(item, { error: otherwise("must be a list") });

/** Bytes. */
export function size(min: number, max = Number.MAX_SAFE_INTEGER) {
  return z.codec(z.union([z.int(), z.string().meta({ pattern: SIZE_PATTERN })]), z.number(), {
    decode: (value, context) =>
      attempt(value, context, () => within(parseSize(String(value)), min, max, formatSize)),
    encode: formatSize,
  });
}

/** Bytes, or "auto". */
export function sizeOrAuto(min: number, max: number) {
  const given = z.union([z.literal("auto"), z.int(), z.string().meta({ pattern: SIZE_PATTERN })]);
  return z.codec(given, z.union([z.literal("auto"), z.number()]), {
    decode: (value, context) =>
      value === "auto"
        ? value
        : attempt(value, context, () => within(parseSize(String(value)), min, max, formatSize), "auto, or "),
    encode: (value) => (value === "auto" ? value : formatSize(value)),
  });
}

/** Milliseconds. */
export function duration(minMs: number, maxMs = LONGEST_TIMER_MS) {
  return z.codec(
    z.string({ error: otherwise("must be a duration") }).meta({ pattern: DURATION_PATTERN }),
    z.number(),
    {
      decode: (value, context) =>
        attempt(value, context, () => within(parseDuration(value), minMs, maxMs, formatDuration)),
      encode: formatDuration,
    },
  );
}

/** Bytes; null is "off". */
export function sizeOrOff(min: number, max = Number.MAX_SAFE_INTEGER) {
  const given = [z.int(), z.string().meta({ pattern: SIZE_PATTERN })];
  return orOff(given, (text) => within(parseSize(text), min, max, formatSize), formatSize);
}

/** Milliseconds; null is "off". */
export function durationOrOff(minMs: number, maxMs = LONGEST_TIMER_MS) {
  const given = [z.string().meta({ pattern: DURATION_PATTERN })];
  return orOff(given, (text) => within(parseDuration(text), minMs, maxMs, formatDuration), formatDuration);
}

/** Bytes per second; null is "off". */
export function rateOrOff(min: number) {
  const given = [z.string().meta({ pattern: RATE_PATTERN })];
  const parse = (text: string) => within(parseRate(text), min, Number.MAX_SAFE_INTEGER, formatRate);
  return orOff(given, parse, formatRate, "");
}

function orOff(
  given: readonly z.ZodType<string | number>[],
  parse: (text: string) => number,
  format: (value: number) => string,
  alternative = "off, or ",
) {
  return z.codec(z.union([z.literal("off"), ...given]), z.number().nullable(), {
    decode: (value, context) =>
      value === "off" ? null : attempt(value, context, () => parse(String(value)), alternative),
    encode: (value) => (value === null ? "off" : format(value)),
  });
}

/**
 * Permission bits. The text's digits are octal: YAML 1.2 reads an unquoted 0644 as the number 644, and nobody
 * means that; the loader keeps the text, so both ways of writing it come out as 0o644.
 */
export function mode(neededBits: number, need: string) {
  return z.codec(
    z.string({ error: otherwise("must be octal") }).meta({ pattern: "^(0o?)?[0-7]{3,4}$" }),
    z.number(),
    {
      decode: (value, context) =>
        attempt(value, context, () => {
          if (!/^(0o?)?[0-7]{3,4}$/.test(value)) throw new Error('must be octal permissions such as "0644"');
          const bits = Number.parseInt(value.replace("o", ""), 8);
          if ((bits & neededBits) !== neededBits) throw new Error(need);
          return bits;
        }),
      encode: (bits) => bits.toString(8).padStart(4, "0"),
    },
  );
}

/** A codec's decode: what the parser throws becomes the key's problem. */
export function attempt<Value>(
  input: unknown,
  context: { issues: z.core.$ZodRawIssue[] },
  parse: () => Value,
  alternative = "",
): Value {
  try {
    return parse();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.issues.push({
      code: "custom",
      input,
      message: message.replace(/^must be /, `must be ${alternative}`),
    });
    return z.NEVER;
  }
}

function within(value: number, min: number, max: number, format: (value: number) => string): number {
  if (value < min) throw new Error(`must be at least ${format(min)}`);
  if (value > max) throw new Error(`must be at most ${format(max)}`);
  return value;
}

function isOneLine(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  return !/[\u0000-\u001f\u007f]/.test(value);
}
