/**
 * The one error that the agent throws on purpose: what was tried, on what, why it failed, and what to do next,
 * in a message that stands alone in a log line. `severity` is what `retry` obeys, and `code` what else is decided by: nobody
 * looks into a message, which may be put in other words.
 */
import { describeSystemError } from "./system-errors.ts";

export type Severity = "permanent" | "retryable" | "fatal";

export class AgentError extends Error {
  readonly severity: Severity;
  /** Which error it is, where that matters: a word of the agent's, or Kafka's number. */
  readonly code: string | number | undefined;

  /** @param severity permanent: asking again changes nothing; retryable: it may; fatal: the client is to be made anew */
  constructor(message: string, severity: Severity, cause?: unknown, code?: string | number) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AgentError";
    this.severity = severity;
    this.code = code;
  }
}

/** What was configured can't work, whoever waits for it. Ends the agent with exit code 2. */
export class ConfigurationError extends AgentError {
  constructor(message: string, cause?: unknown) {
    super(message, "permanent", cause, "configuration");
    this.name = "ConfigurationError";
  }
}

/** The text of whatever was thrown; of a system's error what it means and what to do about it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? (describeSystemError(error) ?? error.message) : String(error);
}

/** The system's code of a failed call (`ENOENT`, `ENOSPC`), if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof AgentError || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
