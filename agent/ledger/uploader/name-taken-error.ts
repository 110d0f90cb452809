import { AgentError } from "../../lib/errors.ts";

/** Another agent has the name. */
export class NameTakenError extends AgentError {
  readonly host: string;

  constructor(uploader: string, host: string) {
    const message = `the name "${uploader}" is in use by an agent on ${host}: give this one another name`;
    super(message, "permanent", undefined, "name-taken");
    this.name = "NameTakenError";
    this.host = host;
  }
}
