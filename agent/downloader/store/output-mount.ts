/**
 * Whether the output still is the file system it was. When a mount goes away its mount point stays, as an empty folder on
 * the disk below: going on there would hide what is stored from everyone once it is mounted again.
 */
import { dirname } from "node:path";
import type { DownloaderConfig } from "../../config/config.ts";
import type { Disk } from "../../lib/disk.ts";
import { AgentError, messageOf } from "../../lib/errors.ts";

export class OutputMount {
  readonly #disk: Disk;
  readonly #output: string;
  readonly #required: boolean;
  #wasMounted = false;

  constructor(disk: Disk, { output, requireMount }: Pick<DownloaderConfig, "output" | "requireMount">) {
    this.#disk = disk;
    this.#output = output;
    this.#required = requireMount;
  }

  /** Throws an `AgentError`: permanent at the start when a mount is required, retryable when it has gone away since. */
  async check(): Promise<void> {
    const isMounted = await this.#isMountPoint();
    if (isMounted === undefined) return;
    if (isMounted) this.#wasMounted = true;
    else if (this.#wasMounted) {
      throw new AgentError(`output ${this.#output} is not mounted any more: paused until it is`, "retryable");
    } else if (this.#required) {
      const what = `output ${this.#output} is not a mount point, and downloader.require_mount is true`;
      throw new AgentError(what, "permanent");
    }
  }

  /** undefined: it is not there; the store says so. */
  async #isMountPoint(): Promise<boolean | undefined> {
    try {
      const output = await this.#disk.look(`${this.#output}/.`);
      const parent = await this.#disk.look(dirname(this.#output));
      return output && parent && output.device !== parent.device;
    } catch (error) {
      throw new AgentError(
        `output ${this.#output} can't be looked at: ${messageOf(error)}`,
        "retryable",
        error,
      );
    }
  }
}
