/**
 * The one error that the agent throws on purpose: what was tried, on what, why it failed, and what to do next,
 * in a message that stands alone in a log line. `severity` is what `retry` obeys.
 */
import { describeSystemError } from "./system-errors.ts";

export type Severity = "permanent" | "retryable" | "fatal";

export class AgentError extends Error {
  readonly severity: Severity;

  /** @param severity permanent: asking again changes nothing; retryable: it may; fatal: the client is to be made anew */
  constructor(message: string, severity: Severity, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AgentError";
    this.severity = severity;
  }
}

/** What was configured can't work, whoever waits for it. Ends the agent with exit code 2. */
export class ConfigurationError extends AgentError {
  constructor(message: string, cause?: unknown) {
    super(message, "permanent", cause);
    this.name = "ConfigurationError";
  }
}

/** The text of whatever was thrown; of a system's error what it means and what to do about it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? (describeSystemError(error) ?? error.message) : String(error);
}

/** The system's code of a failed call (`ENOENT`, `ENOSPC`), if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
