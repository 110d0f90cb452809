/** What ends the sending of a version, or of everything. */
import { KafkaError } from "../kafka/errors.ts";
import { NameTakenError } from "../ledger/uploader/name-taken-error.ts";
import { AgentError, ConfigurationError } from "../lib/errors.ts";
import { isPermanent } from "../lib/retry.ts";

/** The file is not what it was when it was taken up. */
export class ChangedError extends AgentError {
  constructor(reason: string) {
    super(reason, "permanent");
    this.name = "ChangedError";
  }
}

/** The agent is being stopped. */
export class StoppedError extends AgentError {
  constructor() {
    super("the agent is being stopped", "permanent");
    this.name = "StoppedError";
  }
}

/** The topic that chunks of the version are in is gone, and another one has its name: the version begins anew. */
export class TopicReplacedError extends AgentError {
  constructor(name: string) {
    super(`topic ${name} was made again`, "permanent");
    this.name = "TopicReplacedError";
  }
}

/** Whether it is no file's trouble but everybody's, and not waited for: the name is lost, the set-up is wrong, or with `once` a right is missing. */
export function isFatal(error: unknown, once: boolean): boolean {
  if (error instanceof ConfigurationError || error instanceof NameTakenError) return true;
  return once && error instanceof KafkaError && isPermanent(error);
}
