import { AgentError } from "../../lib/errors.ts";

/** The number was given before another agent may have had the name, and given higher ones: the file is to be chosen a new one. */
export class VoidVersionError extends AgentError {
  constructor() {
    super("another agent may have had the name meanwhile: the version is numbered anew", "permanent");
    this.name = "VoidVersionError";
  }
}
