/**
 * What a role tells while it works, for whoever looks from outside: counted for /metrics, remembered for /api/status, and
 * judged for /readyz. One per agent, made by the composition root; without HTTP nobody asks, and it costs next to nothing.
 */

import type { Role } from "../config/config.ts";
import { deviceNowMs, timeNow } from "../lib/clock.ts";
import type { Troubles } from "../lib/troubles.ts";
import { Failures } from "./failures.ts";
import { Fleet } from "./fleet.ts";
import { type FileResult, Metrics } from "./metrics.ts";
import { Stalls } from "./stalls.ts";
import {
  type Listed,
  listed,
  nothingListed,
  type RoleReport,
  type StatusReport,
  type StatusSource,
  type Success,
  shownPath,
  type UploaderSeen,
} from "./status.ts";

export interface ObserverOptions {
  role: Role;
  name: string;
  version: string;
  host: string;
  troubles: Troubles;
}

/** Files that went well, as `Metrics.file` calls them. */
type Good = Extract<FileResult, "sent" | "delivered" | "unchanged" | "deleted" | "moved">;
type Bad = Extract<FileResult, "failed" | "refused">;

const nothing: RoleReport = {
  waiting: 0,
  moving: nothingListed,
  parked: nothingListed,
  needed: nothingListed,
};

export class Observer {
  readonly #options: ObserverOptions;
  readonly #since = new Date(deviceNowMs());
  readonly #failures = new Failures();
  readonly #last = new Map<Good, Success>();
  readonly #counts = new Map<Good, number>();
  #phase: string | undefined = "starting";
  #kafkaConnected: () => boolean = () => false;
  readonly metrics: Metrics;
  /** A downloader's uploaders. */
  readonly fleet = new Fleet();
  /** For what may hang. */
  readonly stalls = new Stalls();
  /** The role's own view; it sets this when it begins. */
  source: StatusSource | undefined;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.metrics = new Metrics(options.role, options.version);
    this.metrics.observe({
      kafkaConnected: () => this.#kafkaConnected(),
      ready: () => this.notReady().length === 0,
      failedFiles: () => this.#failures.count,
    });
  }

  /** Which step of starting or stopping it is in, "reading the ledger"; undefined: it is at work. Once "stopping", it stays so. */
  set phase(phase: string | undefined) {
    if (this.#phase !== "stopping") this.#phase = phase;
  }

  get phase(): string | undefined {
    return this.#phase;
  }

  set kafkaConnected(ask: () => boolean) {
    this.#kafkaConnected = ask;
  }

  /** A file went well. @param path as it is shown; see `status.ts` */
  done(result: Good, path: string): void {
    this.metrics.file(result);
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1);
    this.#last.set(result, { path: shownPath(path), time: timeNow() });
    this.#failures.remove(path);
  }

  /** A file can't be sent or stored. @param path as it is shown; see `status.ts` */
  failed(result: Bad, path: string, reason: string): void {
    this.metrics.file(result);
    this.#failures.add(path, reason);
  }

  /** Why the agent does not do its work now; empty: it is ready. */
  notReady(): string[] {
    const reasons: string[] = [];
    if (this.#phase !== undefined) reasons.push(this.#phase);
    const { items, count } = this.#troubles();
    for (const { what, reason } of items) reasons.push(`${what}: ${reason}`);
    if (count > items.length) reasons.push(`and ${count - items.length} more`);
    return [...reasons, ...this.stalls.reasons(), ...(this.source?.notReady() ?? [])];
  }

  /** What files wait for while the agent is at work. */
  waits(): readonly string[] {
    return this.source?.waits?.() ?? [];
  }

  report(): StatusReport {
    const { role, name, version, host } = this.#options;
    const reasons = this.notReady();
    return {
      role,
      name,
      version,
      host,
      since: this.#since.toISOString(),
      ready: reasons.length === 0,
      reasons,
      paused: this.source?.notReady() ?? [],
      troubles: this.#troubles(),
      kafkaConnected: this.#kafkaConnected(),
      ...(this.source?.report() ?? nothing),
      ...(role === "uploader" ? { sent: this.#done("sent") } : {}),
      delivered: this.#done("delivered"),
      failed: this.#failures.list(),
      ...(role === "downloader" ? { uploaders: this.#uploaders() } : {}),
    };
  }

  #uploaders(): Listed<UploaderSeen> {
    return this.fleet.list(this.source?.inFlight?.() ?? new Map(), this.#failures.countByUploader());
  }

  #done(result: Good): { count: number; last: Success | null } {
    return { count: this.#counts.get(result) ?? 0, last: this.#last.get(result) ?? null };
  }

  #troubles(): StatusReport["troubles"] {
    const { open } = this.#options.troubles;
    return listed(open, open.size, ({ what, reason, since }) => ({
      what,
      reason,
      since: since.toISOString(),
    }));
  }
}
