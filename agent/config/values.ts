/**
 * The kinds of single values that the schema is made of. Each says in its message what would be right, as the
 * text after the key's name; where the agent's form differs from the file's, a kind knows both ways, so that
 * `check` prints what the file may contain.
 */
import { orWord } from "./composed.ts";
import { type JsonSchema, Kind } from "./kind.ts";
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

export const flag = () =>
  plain((given): given is boolean => typeof given === "boolean", "must be true or false", {
    type: "boolean",
  });

export function choice<const Values extends readonly string[]>(
  values: Values,
  message = `must be one of ${values.join(", ")}`,
  missing = "required",
): Kind<Values[number]> {
  const isOne = (given: unknown): given is Values[number] => values.some((value) => value === given);
  return plain(isOne, message, { type: "string", enum: values }, missing);
}

export function integer(min: number, max: number): Kind<number> {
  return plain(
    (given): given is number =>
      typeof given === "number" && Number.isSafeInteger(given) && given >= min && given <= max,
    `must be a whole number from ${min} to ${max}`,
    { type: "integer", minimum: min, maximum: max },
  );
}

const anyText = (message = "must be text") =>
  plain((given): given is string => typeof given === "string", message, { type: "string" });

/** Free text on one line; NUL and line breaks are in no name that Kafka or a file system of ours takes. */
export const text = () => anyText().check(isOneLine, "must not contain control characters");

/** Free text that has to be there. */
export const someText = () => text().check((value) => value !== "", "must not be empty", { minLength: 1 });

export const textLike = (pattern: RegExp, message: string) =>
  anyText().check((value) => pattern.test(value), message, { pattern: pattern.source });

/** A secret: marked so in the JSON Schema, which is where masking looks. Its `_file` twin stands beside it. */
export const secret = (description: string) =>
  anyText()
    .check(() => true, "", { writeOnly: true })
    .describe(description);

/** A file or folder; a relative one is resolved later, against the working directory. */
export const path = () =>
  someText().check(
    (value) => !/^~(\/|$)/.test(value),
    "~ is not expanded, write the whole path, or use $" + "{HOME}",
  );

/** One value of any type, kept as its text. */
export const anything = () =>
  plain((given): given is string => typeof given === "string", "must be one value", {
    type: ["string", "number", "boolean"],
  });

/** Bytes. */
export function size(min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  const whole = { type: "integer", minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
  return parsed((given) => within(parseSize(given), min, max, formatSize), formatSize, {
    anyOf: [whole, { type: "string", pattern: SIZE_PATTERN }],
  });
}

/** Bytes, or "auto". */
export const sizeOrAuto = (min: number, max: number) =>
  orWord("auto", "auto" as const, size(min, max), "auto, or ");

/** Milliseconds. */
export function duration(minMs: number, maxMs = LONGEST_TIMER_MS): Kind<number> {
  return parsed((given) => within(parseDuration(given), minMs, maxMs, formatDuration), formatDuration, {
    type: "string",
    pattern: DURATION_PATTERN,
  });
}

/** Milliseconds; null is "off". */
export const durationOrOff = (minMs: number, maxMs = LONGEST_TIMER_MS) =>
  orWord("off", null, duration(minMs, maxMs), "off, or ");

/** Bytes per second; null is "off". */
export function rateOrOff(min: number): Kind<number | null> {
  const rate = parsed(
    (given) => within(parseRate(given), min, Number.MAX_SAFE_INTEGER, formatRate),
    formatRate,
    { type: "string", pattern: RATE_PATTERN },
  );
  return orWord("off", null, rate);
}

const MODE = /^(0o?)?[0-7]{3,4}$/;

/**
 * Permission bits. The text's digits are octal: YAML 1.2 reads an unquoted 0644 as the number 644, and nobody
 * means that; the loader keeps the text, so both ways of writing it come out as 0o644.
 */
export function mode(neededBits: number, need: string): Kind<number> {
  const parse = (given: string) => {
    if (!MODE.test(given)) throw new Error('must be octal permissions such as "0644"');
    const bits = Number.parseInt(given.replace("o", ""), 8);
    if ((bits & neededBits) !== neededBits) throw new Error(need);
    return bits;
  };
  const format = (bits: number) => bits.toString(8).padStart(4, "0");
  return parsed(parse, format, { type: "string", pattern: MODE.source });
}

/** What the agent has in another form than the file. What `parse` throws is the key's problem. */
export function parsed<Value>(
  parse: (given: string) => Value,
  format: (value: Value) => string,
  json: JsonSchema,
): Kind<Value> {
  return new Kind<Value>({
    json,
    missing: "required",
    read(given, path, report) {
      try {
        return parse(String(given));
      } catch (error) {
        report(path, error instanceof Error ? error.message : String(error), given);
        return undefined;
      }
    },
    write: format,
  });
}

/** What is the same for the agent as in the file. */
function plain<Value>(
  isGood: (given: unknown) => given is Value,
  message: string,
  json: JsonSchema,
  missing = "required",
): Kind<Value> {
  return new Kind<Value>({
    json,
    missing,
    read(given, path, report) {
      if (isGood(given)) return given;
      report(path, message, given);
      return undefined;
    },
    write: (value) => value,
  });
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
