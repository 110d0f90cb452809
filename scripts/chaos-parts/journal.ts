/** What happened to each file and to the agents, for the report on a file that went wrong. Bounded: the newest lines of each. */

interface Entry {
  atMs: number;
  text: string;
}

const linesOfFile = 40;
const generalLines = 20_000;
/** What is told of an agent that went wrong. */
const beforeMs = 120_000;
const linesBefore = 200;

export class Journal {
  readonly #files = new Map<string, Entry[]>();
  readonly #general: Entry[] = [];

  /** Something about one file. */
  ofFile(key: string, text: string, atMs = Date.now()): void {
    const entries = this.#files.get(key) ?? [];
    this.#files.set(key, entries);
    entries.push({ atMs, text });
    // The beginning says how it came about, the end where it stands.
    if (entries.length > linesOfFile) entries.splice(linesOfFile / 2, 1);
  }

  /** A fault, or something that an agent says about itself. */
  general(text: string, atMs = Date.now()): void {
    this.#general.push({ atMs, text });
    if (this.#general.length > generalLines) this.#general.shift();
  }

  /** The lines about a file, and what else happened around them; of what is no file, what happened before that moment. */
  excerpt(key: string, atMs: number): string {
    const own = this.#files.get(key);
    const lines = own ? [...own, ...this.#around(own)] : this.#before(atMs);
    return lines
      .sort((a, b) => a.atMs - b.atMs)
      .map(({ atMs, text }) => `    ${new Date(atMs).toISOString().slice(11, 23)} ${text}`)
      .join("\n");
  }

  #around(own: readonly Entry[]): Entry[] {
    const from = (own[0]?.atMs ?? 0) - 1000;
    const to = (own.at(-1)?.atMs ?? 0) + 5000;
    return this.#general.filter(({ atMs }) => atMs >= from && atMs <= to).slice(0, linesOfFile);
  }

  #before(endMs: number): Entry[] {
    return this.#general.filter(({ atMs }) => atMs > endMs - beforeMs && atMs <= endMs).slice(-linesBefore);
  }
}
