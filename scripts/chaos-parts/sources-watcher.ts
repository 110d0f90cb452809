/** Sources of uploaders that delete what is delivered: a file that an agent takes away before every group has it is lost. */
import { existsSync } from "node:fs";
import { relative } from "node:path";
import type { Findings } from "./findings.ts";
import type { Source } from "./generator.ts";
import { Inotify } from "./inotify.ts";
import type { Truth } from "./truth.ts";
import type { Watcher } from "./watcher.ts";

export interface SourcesWatcherOptions {
  /** Those whose uploaders may delete. */
  sources: readonly Source[];
  truth: Truth;
  findings: Findings;
  watcher: Watcher;
  onTaken(key: string): void;
}

const pollMs = 20;

export class SourcesWatcher {
  readonly #options: SourcesWatcherOptions;
  readonly #inotify = new Inotify(() => true);
  readonly #removing = new Map<string, number>();
  readonly #timer: Timer;

  constructor(options: SourcesWatcherOptions) {
    this.#options = options;
    for (const { folder } of options.sources) this.#inotify.add(folder);
    this.#timer = setInterval(() => this.#poll(), pollMs);
  }

  /** The generator itself takes a name away. */
  removing(path: string, act: () => void): void {
    const isWatched = this.#options.sources.some(({ folder }) => path.startsWith(`${folder}/`));
    act();
    if (isWatched) this.#removing.set(path, (this.#removing.get(path) ?? 0) + 1);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#inotify.close();
  }

  #poll(): void {
    for (const { kind, path } of this.#inotify.take()) if (kind === "vanished") void this.#vanished(path);
  }

  async #vanished(path: string): Promise<void> {
    const own = this.#removing.get(path) ?? 0;
    if (own > 0) {
      this.#removing.set(path, own - 1);
      return;
    }
    const { sources, truth, findings, watcher, onTaken } = this.#options;
    const source = sources.find(({ folder }) => path.startsWith(`${folder}/`));
    if (!source) return;
    const key = `${source.uploader}/${relative(source.folder, path)}`;
    // The generator may have put another content there since.
    const isThereAgain = existsSync(path);
    const state = truth.record(key)?.states.at(isThereAgain ? -2 : -1);
    if (!isThereAgain) {
      truth.ended(key, "taken", Date.now());
      onTaken(key);
    }
    if (!state) return;
    await watcher.settled();
    const missing = truth.missingIn(state);
    if (missing.length > 0)
      findings.add(
        "lost",
        key,
        `its source was deleted by the agent before it was in group ${missing.join(" and ")}`,
      );
  }
}
