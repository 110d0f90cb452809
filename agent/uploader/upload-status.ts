/** What the uploader is doing, for the metrics and the status: asked for at any time, answered from memory. */
import type { Metrics } from "../observe/metrics.ts";
import { listed, type Moving, nothingListed, type RoleReport, type StatusSource } from "../observe/status.ts";
import type { Discovery } from "./discover/discovery.ts";
import type { Transport } from "./transport/transport.ts";

export class UploadStatus implements StatusSource {
  readonly #discovery: Discovery;
  /** Versions that are taken up and not ended. */
  readonly #moving: ReadonlySet<{ progress: Moving }>;

  constructor(
    metrics: Metrics,
    parts: {
      discovery: Discovery;
      moving: ReadonlySet<{ progress: Moving }>;
      transport: Transport;
    },
  ) {
    const { discovery, moving, transport } = parts;
    this.#discovery = discovery;
    this.#moving = moving;
    metrics.observe({
      inFlightBytes: () => transport.inFlightBytes,
      incompleteFiles: () => moving.size,
      waitingFiles: () => this.#waiting,
    });
  }

  report(): RoleReport {
    return {
      waiting: this.#waiting,
      moving: listed(this.#moving, this.#moving.size, ({ progress }) => progress),
      parked: nothingListed,
      needed: nothingListed,
    };
  }

  notReady(): readonly string[] {
    return this.#discovery.unreadableWatches;
  }

  get #waiting(): number {
    return Math.max(0, this.#discovery.knownCount - this.#moving.size);
  }
}
