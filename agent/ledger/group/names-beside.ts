/** Which of the known uploaders send under one name: the agent of that name, and those beside it (`wire/filed-under.ts`). */
import { filedUnder, isBeside } from "../../wire/filed-under.ts";

export class NamesBeside {
  /** By the name that they file under; of names that nobody sends beside there is nothing. */
  readonly #byName = new Map<string, Set<string>>();

  add(uploader: string): void {
    if (isBeside(uploader))
      this.#byName.getOrInsertComputed(filedUnder(uploader), () => new Set()).add(uploader);
  }

  remove(uploader: string): void {
    const name = filedUnder(uploader);
    const some = this.#byName.get(name);
    if (some?.delete(uploader) && some.size === 0) this.#byName.delete(name);
  }

  /** The others that may send under the name that this one files under. */
  of(uploader: string): readonly string[] {
    const name = filedUnder(uploader);
    const some = this.#byName.get(name);
    if (!some) return isBeside(uploader) ? [name] : [];
    return [name, ...some].filter((other) => other !== uploader);
  }
}
