/** A line of an agent's log, as JSON. */
export interface LogLine {
  /** When it was logged, milliseconds since 1970. */
  atMs: number;
  level: string;
  message: string;
  path: string | undefined;
  uploader: string | undefined;
  version: number | undefined;
  checksum: string | undefined;
  bytes: number | undefined;
}

const clockDoubtMs = 1500;

/** One JSON object; what a killed process left half-written, or a crash printed, is a message as it stands. */
export function parseLine(line: string): LogLine {
  const found = fieldsOf(line);
  const number = (name: string) => (typeof found[name] === "number" ? (found[name] as number) : undefined);
  const text = (name: string) => (typeof found[name] === "string" ? (found[name] as string) : undefined);
  return {
    atMs: plausible(Date.parse(text("time") ?? "")),
    level: text("level") ?? "",
    message: text("message") ?? line,
    path: text("path"),
    uploader: text("uploader"),
    version: number("version"),
    bytes: number("bytes"),
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
