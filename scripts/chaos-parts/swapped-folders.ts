/**
 * Folders of a source that are swapped for links to elsewhere while their files settle, and back. What is elsewhere has the same names and
 * sizes; none of it may arrive, be moved or be deleted.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Contents } from "./contents.ts";
import type { Findings } from "./findings.ts";
import type { Source } from "./generator.ts";
import type { Journal } from "./journal.ts";
import type { Truth } from "./truth.ts";

export interface SwappedFoldersOptions {
  truth: Truth;
  contents: Contents;
  journal: Journal;
  findings: Findings;
  /** On the sources' file system, outside of them. */
  staging: string;
}

const filesEach = 5;
const bytesEach = 20_000;

export class SwappedFolders {
  readonly #options: SwappedFoldersOptions;
  /** Files elsewhere, with the bytes that they have to keep. */
  readonly #outside = new Map<string, string>();
  #made = 0;

  constructor(options: SwappedFoldersOptions) {
    this.#options = options;
  }

  /** Puts a folder there, swaps it after a while, and back. @param waitMs between the steps */
  async swap(source: Source, waitMs: number): Promise<void> {
    const { staging } = this.#options;
    const name = `swapped-${this.#made++}`;
    const inside = join(source.folder, name);
    const [away, elsewhere] = [join(staging, `away-${name}`), join(staging, `elsewhere-${name}`)];
    await this.#fill(source, name, away, elsewhere);
    renameSync(away, inside);
    await Bun.sleep(waitMs);
    renameSync(inside, away);
    symlinkSync(elsewhere, inside);
    await Bun.sleep(waitMs);
    rmSync(inside);
    renameSync(away, inside);
  }

  /** Whether what is elsewhere is still there as it was; each file that is not is a finding. */
  check(): void {
    for (const [path, bytes] of this.#outside) {
      if (readBytes(path) !== bytes)
        this.#options.findings.add("outside", path, "a file that is in no source was taken away or changed");
    }
  }

  async #fill({ uploader }: Source, name: string, away: string, elsewhere: string): Promise<void> {
    const { truth, contents, journal } = this.#options;
    for (const folder of [away, elsewhere]) mkdirSync(folder);
    for (let at = 0; at < filesEach; at++) {
      const [file, key] = [`file-${at}.bin`, `${uploader}/${name}/file-${at}.bin`];
      const md5 = await contents.write(join(away, file), bytesEach);
      await contents.write(join(elsewhere, file), bytesEach);
      this.#outside.set(join(elsewhere, file), readBytes(join(elsewhere, file)));
      const { mtimeNs } = statSync(join(away, file), { bigint: true });
      truth.wrote(key, { md5, size: bytesEach, mtimeNs }, Date.now());
      journal.ofFile(
        key,
        `generator: in a folder that is swapped for a link, ${bytesEach} bytes, md5 ${md5}`,
      );
    }
  }
}

function readBytes(path: string): string {
  try {
    return new Bun.CryptoHasher("md5").update(readFileSync(path)).digest("hex");
  } catch {
    return "none";
  }
}
