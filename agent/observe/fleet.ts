/** The uploaders that a downloader has heard from since it began, for the status: what each has delivered, and which moved last. */
import { BoundedMap } from "../lib/bounded-map.ts";
import { deviceNowMs } from "../lib/clock.ts";
import { type CountsByUploader, type Listed, listed, type UploaderSeen } from "./status.ts";

/** Whoever may write the topic can make up any number of names; those that moved longest ago are forgotten then. */
const maxKept = 10_000;

interface Seen {
  lastSeenMs: number;
  files: number;
  bytes: number;
}

export class Fleet {
  /** The one that moved longest ago first. */
  readonly #seen = new BoundedMap<string, Seen>(maxKept);

  /** A chunk of it was stored. */
  moved(uploader: string): void {
    this.#seenOf(uploader);
  }

  /** @param bytes of the file */
  delivered(uploader: string, bytes: number): void {
    const seen = this.#seenOf(uploader);
    seen.files++;
    seen.bytes += bytes;
  }

  /** Those that moved last first. */
  list(inFlight: CountsByUploader, failed: CountsByUploader): Listed<UploaderSeen> {
    const latestFirst = [...this.#seen].reverse();
    return listed(latestFirst, latestFirst.length, ([name, { lastSeenMs, files, bytes }]) => ({
      name,
      lastSeen: new Date(lastSeenMs).toISOString(),
      ...{ files, bytes, inFlight: inFlight.get(name) ?? 0, failed: failed.get(name) ?? 0 },
    }));
  }

  #seenOf(uploader: string): Seen {
    const seen = this.#seen.get(uploader) ?? { lastSeenMs: 0, files: 0, bytes: 0 };
    seen.lastSeenMs = deviceNowMs();
    this.#seen.set(uploader, seen);
    return seen;
  }
}
