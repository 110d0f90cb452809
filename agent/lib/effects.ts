/**
 * Every effect that is to outlive a crash is performed here: a sync, a change of a folder, an entry of the ledger, a
 * commit; of chunks only that they were acknowledged counts, and the ledger has that. So there is one place that knows
 * all the moments at which a crash could come between two of them; an executable that is built for the tests ends itself
 * there (`crash-points.ts`), and the linter keeps everything else from making such a change past it.
 */
export type Effect = "sync" | "rename" | "link" | "remove" | "make folder" | "write a record" | "commit";

export class Effects {
  /** @param _what what it is done to, for people */
  perform<T>(_effect: Effect, _what: string, run: () => Promise<T>): Promise<T> {
    return run();
  }
}
