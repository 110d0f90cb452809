/** A log, read as it grows. All processes of one agent write into one file. */
import { fstatSync, openSync, readSync } from "node:fs";

export interface LogLine {
  /** When it was logged, milliseconds since 1970. */
  atMs: number;
  level: string;
  message: string;
  path: string | undefined;
  uploader: string | undefined;
  version: number | undefined;
  checksum: string | undefined;
}

const clockDoubtMs = 1500;

export class LogFile {
  readonly descriptor: number;
  readonly #buffer = Buffer.alloc(1 << 16);
  #readTo = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.descriptor = openSync(path, "a+");
  }

  /** The lines since the last call. */
  take(): LogLine[] {
    const lines: LogLine[] = [];
    // The broker begins its file anew with each start.
    if (fstatSync(this.descriptor).size < this.#readTo) this.#readTo = 0;
    for (;;) {
      const bytes = readSync(this.descriptor, this.#buffer, 0, this.#buffer.length, this.#readTo);
      if (bytes === 0) return lines;
      this.#readTo += bytes;
      const text = Buffer.concat([this.#rest, this.#buffer.subarray(0, bytes)]);
      const end = text.lastIndexOf(10) + 1;
      this.#rest = Buffer.from(text.subarray(end));
      for (const line of text.toString("utf8", 0, end).split("\n")) if (line !== "") lines.push(parse(line));
    }
  }
}

/** One JSON object; what a killed process left half-written, or a crash printed, is a message as it stands. */
function parse(line: string): LogLine {
  const found = fieldsOf(line);
  const text = (name: string) => (typeof found[name] === "string" ? (found[name] as string) : undefined);
  return {
    atMs: plausible(Date.parse(text("time") ?? "")),
    level: text("level") ?? "",
    message: text("message") ?? line,
    path: text("path"),
    uploader: text("uploader"),
    version: typeof found.version === "number" ? found.version : undefined,
    checksum: text("checksum")?.replace(/^[a-z0-9]+:/, ""),
  };
}

/** The agent's own time is more exact than that of the look, but its clock may be off. */
function plausible(atMs: number): number {
  const nowMs = Date.now();
  return Math.abs(atMs - nowMs) < clockDoubtMs ? atMs : nowMs;
}

function fieldsOf(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
