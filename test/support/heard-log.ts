/** A log that is told to the test, and written nowhere. */
import { Log } from "../../agent/observe/log.ts";

export class HeardLog extends Log {
  readonly #hear: (line: string) => void;

  constructor(agent: string, hear: (line: string) => void) {
    super({ level: "error", format: "text", agent });
    this.#hear = hear;
  }

  override debug(message: string): void {
    this.#hear(message);
  }

  override info(message: string): void {
    this.#hear(message);
  }

  override warn(message: string): void {
    this.#hear(message);
  }

  override error(message: string): void {
    this.#hear(message);
  }
}
