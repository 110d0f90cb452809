/**
 * One downloader an output: two with one `.streamsend` would be one member of the group, throw each other out of it, and
 * write into the same partials. So the file with the store's name is locked for as long as a session lasts.
 */
import type { Disk, FileLock } from "../../lib/disk.ts";
import { AgentError, codeOf } from "../../lib/errors.ts";

/** Who has an output; `session` tells one from every other one. */
export interface Holder {
  agent: string;
  host: string;
  pid: number;
  group: string;
  session: string;
}

export class OutputLock {
  readonly #disk: Disk;
  readonly #output: string;
  readonly #file: string;
  readonly #holders: string;
  readonly #self: string;
  #lock: FileLock | undefined;

  /** @param holders the folder that says who has it, see `Disk` */
  constructor(disk: Disk, output: string, file: string, holders: string, self: Holder) {
    this.#disk = disk;
    this.#output = output;
    this.#file = file;
    this.#holders = holders;
    this.#self = holderName(self);
  }

  /** Whether the output's file system knows locks. */
  get isReal(): boolean {
    return this.#lock?.isReal ?? false;
  }

  /** Throws an `AgentError` that says who has it; permanent, as whoever is asked to do something once should not wait. */
  async acquire(): Promise<void> {
    const lock = await this.#disk.lock(this.#file, this.#holders, this.#self);
    if (lock.takenBy === undefined) {
      this.#lock = lock;
      return;
    }
    const who = describe(lock.takenBy);
    throw new AgentError(
      `output ${this.#output} is in use by ${who}: give each downloader an output of its own`,
      "permanent",
    );
  }

  /** Throws a retryable `AgentError` when what is locked is not what others find there any more. */
  async require(): Promise<void> {
    // Where there was no room to say who has it, nobody has changed that either.
    if (!this.#lock?.isTold || (await this.#isSaidThere())) return;
    throw new AgentError(`output ${this.#output} has lost its .streamsend, or has another one`, "retryable");
  }

  /** Also when it was not acquired. */
  async release(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    await lock?.release();
  }

  async #isSaidThere(): Promise<boolean> {
    try {
      return (await this.#disk.list(this.#holders)).includes(this.#self);
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return false;
      throw error;
    }
  }
}

const maxPartBytes = 60;

/** Who has it, of what the folder `holder` says; undefined: that can't be read. */
export function readHolder(name: string): { agent: string; host: string; text: string } | undefined {
  const [agent, host] = name.split(",").map(decoded);
  return agent === undefined || host === undefined ? undefined : { agent, host, text: describe(name) };
}

/** As a name that every file system takes. */
function holderName({ agent, host, pid, group, session }: Holder): string {
  return [agent, host, String(pid), group, session].map(encoded).join(",");
}

function encoded(text: string): string {
  const name = encodeURIComponent(text).replaceAll("*", "%2A").slice(0, maxPartBytes);
  return name.replace(/%.?$/, "");
}

function describe(name: string): string {
  const [agent, host, pid, group] = name.split(",").map(decoded);
  // Whoever has it has no room to say so, or is about to.
  if (group === undefined) return "another downloader";
  return `${agent} (process ${pid} on ${host}, group ${group})`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // It was cut in the middle of a character.
    return text;
  }
}
