/** What happened to each file and to the agents, for the report on a file that went wrong. Bounded: the newest lines of each. */

interface Entry {
  atMs: number;
  text: string;
}

const linesOfFile = 40;
const generalLines = 20_000;

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

  /** The lines about a file, and what else happened around them. */
  excerpt(key: string): string {
    const own = this.#files.get(key) ?? [];
    const from = (own[0]?.atMs ?? 0) - 1000;
    const to = (own.at(-1)?.atMs ?? 0) + 5000;
    const around = this.#general.filter(({ atMs }) => atMs >= from && atMs <= to).slice(0, linesOfFile);
    return [...own, ...around]
      .sort((a, b) => a.atMs - b.atMs)
      .map(({ atMs, text }) => `    ${new Date(atMs).toISOString().slice(11, 23)} ${text}`)
      .join("\n");
  }
}
