/**
 * One job a path at a time: a file is sent, sent again, compared or taken away, and never two of these at once. What happens
 * to a file while a job has its path is kept, for whoever ends the job to look at.
 */

/** What happened to a file while a job had its path. seen: it is to be looked at. touched: its content may be another one, too. */
export type Meanwhile = "nothing" | "seen" | "touched";

interface Active {
  meanwhile: Meanwhile;
  /** What waits until the path is free. */
  waiting: (() => void)[];
}

export class ActivePaths {
  readonly #active = new Map<string, Active>();

  has(path: string): boolean {
    return this.#active.has(path);
  }

  /** Returns false when a job has the path already: then the file is looked at once that is over. */
  tryBegin(path: string): boolean {
    const active = this.#active.get(path);
    if (active) {
      if (active.meanwhile === "nothing") active.meanwhile = "seen";
      return false;
    }
    this.#active.set(path, { meanwhile: "nothing", waiting: [] });
    return true;
  }

  /** Something happened to the file. Returns false when no job has its path. */
  happened(path: string, touched: boolean): boolean {
    const active = this.#active.get(path);
    if (!active) return false;
    if (active.meanwhile !== "touched") active.meanwhile = touched ? "touched" : "seen";
    return true;
  }

  /** What has happened to the file since the job began. */
  meanwhile(path: string): Meanwhile {
    return this.#active.get(path)?.meanwhile ?? "nothing";
  }

  /** Calls `goOn` once the job that has the path is over; another job may have it by then. */
  whenFree(path: string, goOn: () => void): void {
    const active = this.#active.get(path);
    if (active) active.waiting.push(goOn);
    else goOn();
  }

  end(path: string): void {
    const active = this.#active.get(path);
    this.#active.delete(path);
    for (const goOn of active?.waiting ?? []) goOn();
  }
}
