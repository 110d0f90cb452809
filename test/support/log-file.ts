/** A log, read as it grows. All processes of one agent may write into one file. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export class LogFile<Line> {
  readonly descriptor: number;
  readonly #parse: (line: string) => Line;
  readonly #buffer = Buffer.alloc(1 << 16);
  #readTo = 0;
  #rest = Buffer.alloc(0);

  constructor(path: string, parse: (line: string) => Line) {
    this.descriptor = openSync(path, "a+");
    this.#parse = parse;
  }

  /** The lines since the last call. */
  take(): Line[] {
    const lines: Line[] = [];
    // The broker begins its file anew with each start.
    if (fstatSync(this.descriptor).size < this.#readTo) this.#readTo = 0;
    for (;;) {
      const bytes = readSync(this.descriptor, this.#buffer, 0, this.#buffer.length, this.#readTo);
      if (bytes === 0) return lines;
      this.#readTo += bytes;
      const text = Buffer.concat([this.#rest, this.#buffer.subarray(0, bytes)]);
      const end = text.lastIndexOf(10) + 1;
      this.#rest = Buffer.from(text.subarray(end));
      for (const line of text.toString("utf8", 0, end).split("\n"))
        if (line !== "") lines.push(this.#parse(line));
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
