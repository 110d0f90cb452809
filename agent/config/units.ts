/**
 * Sizes, durations and rates as people write them. Parsing is strict, because a silently misread limit
 * is worse than a start that fails: no bare `10`, where seconds or minutes could be meant, no `8M`.
 */

/** The text is no size, duration or rate; the message says what is expected. */
export class UnitError extends Error {}

export const SIZE_PATTERN = String.raw`^\d+(\.\d+)? ?(([kKmMgGtT][iI]?)?[bB])?$`;
export const DURATION_PATTERN = String.raw`^\d+(\.\d+)? ?(ms|s|m|h|d)$`;
export const RATE_PATTERN = String.raw`^\d+(\.\d+)? ?([kKmMgGtT][iI]?)?[bB]/s$`;

const KILO = ["", "k", "m", "g", "t"];
const MILLISECONDS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** Bytes of `943759`, `1MB` (a million), `1MiB` (1048576); rounded to a whole byte. @throws UnitError */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(?:([kmgt]?)(i?)b)?$/i.exec(text.trim());
  if (match === null) throw new UnitError("must be a size such as 943759, 1MB or 1MiB");
  const [, number = "", prefix, binary] = match;
  if (prefix === undefined && number.includes(".")) throw new UnitError("must be a whole number of bytes");
  if (prefix === "" && binary !== "") throw new UnitError("must be a size such as 943759, 1MB or 1MiB");
  const power = KILO.indexOf((prefix ?? "").toLowerCase());
  return exact(Math.round(Number(number) * (binary ? 1024 : 1000) ** power));
}

/** The shortest exact way to write it: `8MiB`, `1MB`, `943759`. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return "0";
  for (const [power, prefix] of [...KILO.entries()].reverse()) {
    if (power === 0) continue;
    if (bytes % 1024 ** power === 0) return `${bytes / 1024 ** power}${prefix.toUpperCase()}iB`;
    if (bytes % 1000 ** power === 0)
      return `${bytes / 1000 ** power}${power === 1 ? "k" : prefix.toUpperCase()}B`;
  }
  return String(bytes);
}

/** Milliseconds of `500ms`, `5s`, `10m`, `1.5h`, `7d`; rounded to a whole millisecond. @throws UnitError */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/.exec(text.trim());
  if (match === null)
    throw new UnitError("must be a duration with its unit, such as 500ms, 5s, 10m, 12h or 7d");
  const [, number = "", unit = "ms"] = match;
  return exact(Math.round(Number(number) * MILLISECONDS[unit as keyof typeof MILLISECONDS]));
}

/** The shortest exact way to write it: `1m` for 60000. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  for (const [unit, length] of Object.entries(MILLISECONDS)) {
    if (milliseconds % length === 0) return `${milliseconds / length}${unit}`;
  }
  return `${milliseconds}ms`;
}

/** Bytes per second of `2MB/s`. @throws UnitError */
export function parseRate(text: string): number {
  const match = /^(.*[bB]) ?\/ ?s$/.exec(text.trim());
  const size = match?.[1];
  if (size === undefined) throw new UnitError("must be a rate such as 2MB/s, or off");
  return parseSize(size);
}

export function formatRate(bytesPerSecond: number): string {
  const size = formatSize(bytesPerSecond);
  return `${/\d$/.test(size) ? `${size}B` : size}/s`;
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw new UnitError("is too large");
  return value;
}
