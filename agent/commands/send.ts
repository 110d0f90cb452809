/**
 * The composition root of `send`: files and folders that are named are sent once, by an uploader under a name of its own beside the one
 * that they are filed under (docs/protocol.md, "Names beside a name"). Most commands find the first of those names free, and so what
 * the one before has sent, or has begun.
 */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import type { Config } from "../config/config.ts";
import { NameTakenError } from "../ledger/uploader/name-taken-error.ts";
import { AgentError } from "../lib/errors.ts";
import { nameDigest } from "../lib/name-hash.ts";
import { printable } from "../lib/printable.ts";
import { Log } from "../observe/log.ts";
import { Observer } from "../observe/observer.ts";
import type { UploadResult } from "../uploader/uploader.ts";
import type { Attributes } from "../wire/attributes.ts";
import type { FileValue } from "../wire/entry-value.ts";
import { nameBeside, namesBeside } from "../wire/filed-under.ts";
import { pathToDisplay } from "../wire/path.ts";
import { whileConnected } from "./connected.ts";
import { exitCode } from "./exit-code.ts";
import { upload } from "./run-uploader.ts";
import { findPaths, type SentPaths } from "./send-paths.ts";
import { Progress, sizeText } from "./send-progress.ts";
import { ignoreOtherSignals } from "./signals.ts";
import { listenForStop } from "./stop-signal.ts";

export interface SendOptions {
  paths: readonly string[];
  /** The name that the files are filed under. */
  as: string;
  /** A folder that all of it arrives below; empty: none. */
  under: string;
  attributes: Attributes;
  /** The group that is to have stored them; undefined: none is waited for. */
  wait: string | undefined;
  quiet: boolean;
  json: boolean;
  /** Returns whether anybody still reads. */
  print(text: string): Promise<boolean>;
}

type UploaderRole = Extract<Config, { role: "uploader" }>;

/** A day: what is left is looked at by the next command, not by another look. */
const rescanMs = 86_400_000;
/** So many names are tried, the first ones before any others: few names are enough for all that is ever sent at a time. */
const mostTries = 12;
const firstNames = 16;

/** Returns the exit code. Throws a `UsageError` for paths that can't be sent together, and an `AgentError`. */
export async function send(loaded: UploaderRole, options: SendOptions): Promise<number> {
  const found = await findPaths(options.paths, options);
  for (const problem of found.problems) writeError(`${printable(problem)}\n`);
  if (found.watches.length === 0) return exitCode.failed;
  return new Sending(loaded, options, found).run();
}

class Sending {
  readonly #config: UploaderRole;
  readonly #options: SendOptions;
  readonly #found: SentPaths;
  readonly #log: Log;
  readonly #observer: Observer;
  readonly #progress: Progress;
  /** Files named one by one that the brokers do not have yet. */
  readonly #missing: Set<string>;
  #printed: Promise<unknown> = Promise.resolve();
  #count = 0;
  #bytes = 0;
  /** Whether a name is ours, and files are being sent. */
  #hasBegun = false;

  constructor(loaded: UploaderRole, options: SendOptions, found: SentPaths) {
    this.#config = configFor(loaded, options, found);
    this.#options = options;
    this.#found = found;
    this.#missing = new Set(found.files);
    const level = loaded.log.level === "debug" ? "debug" : options.quiet ? "error" : "warn";
    const errors = { before: () => this.#progress.clear() };
    this.#log = new Log({ level, format: "text", agent: options.as, errors });
    const { troubles } = this.#log;
    this.#observer = new Observer({
      role: "uploader",
      name: options.as,
      version,
      host: hostname(),
      troubles,
    });
    this.#progress = new Progress({
      screen: options.quiet || options.json ? undefined : terminal(),
      moving: () => this.#observer.source?.report().moving.items ?? [],
      nowMs: () => performance.now(),
    });
  }

  async run(): Promise<number> {
    ignoreOtherSignals(this.#log);
    const { shutdownTimeoutMs } = this.#config;
    const onStop = () => this.#say("finishing what is under way; once more ends at once");
    const stop = listenForStop({ shutdownTimeoutMs }, this.#log, onStop, exitCode.failed);
    try {
      const result = await this.#send(stop.signal);
      return this.#end(result);
    } catch (error) {
      // Whatever was being waited for when the stop came: something is left.
      if (stop.signal.aborted && error instanceof AgentError) return exitCode.failed;
      if (error instanceof NameTakenError) throw this.#hasNoName(error);
      throw error;
    } finally {
      stop.end();
      this.#progress.end();
      this.#log.flush();
      await this.#printed;
    }
  }

  #send(signal: AbortSignal): Promise<UploadResult> {
    const config = this.#config;
    const reporting = { log: this.#log, observer: this.#observer, logChunks: false };
    const ready = () => {
      this.#hasBegun = true;
    };
    return whileConnected(config, true, reporting, signal, (connection) =>
      this.#underFreeName((name) =>
        upload(
          { config, role: config.uploader, once: true, reporting, ready, ...connection },
          name,
          (path, file, before) => this.#sent(path, file, before),
        ),
      ),
    );
  }

  async #underFreeName(work: (name: string) => Promise<UploadResult>): Promise<UploadResult> {
    for (let tries = 0; ; tries++) {
      try {
        return await work(nameBeside(this.#options.as, this.#numberToTry(tries)));
      } catch (error) {
        const isTaken = error instanceof NameTakenError && !this.#hasBegun;
        if (!isTaken || tries + 1 === mostTries) throw error;
      }
    }
  }

  /** The first one, then one that the same command tries again, then any of ever more. */
  #numberToTry(tries: number): number {
    if (tries === 0) return 0;
    if (tries === 1) return 1 + (digestOf(this.#options) % (firstNames - 1));
    return firstNames + Math.floor(Math.random() * Math.min(4 ** tries, namesBeside - firstNames));
  }

  #hasNoName(error: NameTakenError): AgentError {
    const { as } = this.#options;
    const reason = this.#hasBegun
      ? `another command on ${error.host} has taken this one's place, as it did not answer: run it again`
      : `too many commands send as ${as} at the same time: run it again later`;
    return new AgentError(reason, "permanent", error);
  }

  #sent(path: string, file: FileValue | undefined, before: boolean): void {
    const { as, json, quiet } = this.#options;
    if (this.#found.files.has(path) && !this.#missing.delete(path)) return;
    const { size = 0, version: number = 0 } = file ?? {};
    this.#count++;
    this.#bytes += size;
    if (json)
      this.#print(
        `${JSON.stringify({ uploader: as, path, version: number, size, state: "sent", before })}\n`,
      );
    else if (!quiet)
      this.#print(`${pathToDisplay(path)}: ${before ? "was sent before" : "sent"}, ${size} bytes\n`);
  }

  #end({ failedCount, isWhole }: UploadResult): number {
    const { wait, json, quiet, as } = this.#options;
    const isAll = isWhole && failedCount === 0 && this.#missing.size === 0;
    if (isWhole && failedCount === 0)
      for (const path of this.#missing) this.#complain(`${pathToDisplay(path)}: is gone, and was not sent`);
    if (!isWhole) this.#complain("not all of it was sent: the same command goes on where this one was");
    const stored = wait === undefined ? "" : `, and group ${wait} has stored them`;
    if (isAll && this.#count === 0) this.#say("there is no file in it that is sent");
    const files = this.#count === 1 ? "1 file" : `${this.#count} files`;
    if (isAll && this.#count > 0 && !quiet && !json)
      this.#print(`${files} sent as ${as}, ${sizeText(this.#bytes)}${stored}\n`);
    return isAll && this.#found.problems.length === 0 ? exitCode.done : exitCode.failed;
  }

  #print(text: string): void {
    this.#progress.clear();
    this.#printed = this.#options.print(text);
  }

  #say(line: string): void {
    if (!this.#options.quiet) this.#complain(line);
  }

  #complain(line: string): void {
    this.#progress.clear();
    writeError(`${line}\n`);
  }
}

/** As the settings say, but for what is about watching. */
function configFor(loaded: UploaderRole, { as, wait }: SendOptions, { watches }: SentPaths): UploaderRole {
  return {
    ...loaded,
    name: as,
    uploader: {
      ...loaded.uploader,
      watch: watches,
      settleMs: 0,
      maxAgeMs: undefined,
      existing: true,
      rescanMs,
      rescanContentMs: undefined,
      testFile: undefined,
      after: wait === undefined ? "keep" : "await",
      afterWhen: "delivered",
      afterGroups: wait === undefined ? [] : [wait],
    },
  };
}

/** The same for the same command: of what is sent, from where, and below what. */
function digestOf({ paths, under }: SendOptions): number {
  const all = paths.map((path) => resolve(path)).sort();
  return Number.parseInt(nameDigest(JSON.stringify([hostname(), all, under])).slice(0, 8), 16);
}

function terminal() {
  const { stderr } = process;
  if (!stderr.isTTY || process.env.TERM === "dumb") return undefined;
  return {
    get columns() {
      // A terminal may say 0 where nobody has told it.
      return stderr.columns || 80;
    },
    write: writeError,
  };
}

function writeError(text: string): void {
  process.stderr.write(text);
}
