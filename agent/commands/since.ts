import { parseDuration } from "../config/units.ts";
import { UsageError } from "./arguments.ts";

/** A date, or a time ago (`2h`), as milliseconds since 1970. Throws a `UsageError`. */
export function parseSince(text: string, nowMs: number): number {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const atMs = Date.parse(text);
    if (!Number.isNaN(atMs)) return atMs;
  }
  try {
    return nowMs - parseDuration(text);
  } catch {
    throw new UsageError(`--since must be a date or a time ago (2h): ${JSON.stringify(text)}`, "redeliver");
  }
}
