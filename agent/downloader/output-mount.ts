/**
 * Whether the output still is the file system it was. When a mount goes away its mount point stays, as an empty folder on
 * the disk below: going on there would hide what is stored from everyone once it is mounted again.
 */
import { lstat, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { DownloaderConfig } from "../config/config.ts";
import { AgentError, codeOf } from "../lib/errors.ts";

export class OutputMount {
  readonly #output: string;
  readonly #required: boolean;
  #wasMounted = false;

  constructor({ output, requireMount }: DownloaderConfig) {
    this.#output = output;
    this.#required = requireMount;
  }

  /** Throws an `AgentError`: permanent at the start when a mount is required, retryable when it has gone away since. */
  async check(): Promise<void> {
    const isMounted = await isMountPoint(this.#output);
    if (isMounted === undefined) return;
    if (isMounted) this.#wasMounted = true;
    else if (this.#wasMounted) {
      throw new AgentError(`output ${this.#output} is not mounted any more: paused until it is`, "retryable");
    } else if (this.#required) {
      const what = `output ${this.#output} is not a mount point, and downloader.require_mount is true`;
      throw new AgentError(what, "permanent");
    }
  }
}

/** undefined: it is not there; the store says so. */
async function isMountPoint(path: string): Promise<boolean | undefined> {
  try {
    return (await stat(path)).dev !== (await lstat(dirname(path))).dev;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new AgentError(`output ${path} can't be looked at: ${error}`, "retryable", error);
  }
}
