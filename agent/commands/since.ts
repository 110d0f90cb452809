import { parseDuration } from "../config/units.ts";
import { UsageError } from "./arguments.ts";

/** A time: milliseconds since 1970, or milliseconds ago, by whichever clock what is compared with it has. */
export type Since = { atMs: number } | { agoMs: number };

/** A date, or a time ago (`2h`). Throws a `UsageError`. */
export function parseSince(text: string): Since {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const atMs = Date.parse(text);
    if (!Number.isNaN(atMs)) return { atMs };
  }
  try {
    return { agoMs: parseDuration(text) };
  } catch {
    throw new UsageError(`--since must be a date or a time ago (2h): ${JSON.stringify(text)}`, "redeliver");
  }
}
