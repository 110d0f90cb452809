/**
 * A link that breaks before a chunk is across: the client would begin the same chunk again for ever. Chunks become
 * smaller then, also those under way, and larger again when the link carries them.
 */
import type { LostConnections } from "../../kafka/connection/lost-connections.ts";
import type { RecordProducer } from "../../kafka/producer.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../observe/log.ts";
import type { LinkLimit } from "./link-limit.ts";

export interface LinkMonitorOptions {
  producer: Pick<RecordProducer, "batchBytes" | "isIdle" | "limitLink">;
  trust: LinkLimit;
  log: Log;
  signal: AbortSignal;
}

export class LinkMonitor {
  readonly #options: LinkMonitorOptions;
  /** Whether batches are smaller than the topics take them. */
  #isLimited = false;

  constructor(options: LinkMonitorOptions) {
    this.#options = options;
  }

  /** To be called every few seconds with the connections lost since the call before. Never rejects. */
  async look(lost: LostConnections): Promise<void> {
    const { producer, trust, log, signal } = this.#options;
    // A stop waits for what is under way.
    if (signal.aborted) return;
    const before = trust.bytes;
    const isTooMuch = trust.look(lost, producer.batchBytes);
    const { bytes } = trust;
    try {
      if (isTooMuch) {
        if (bytes < before)
          log.warn(
            `the connection was lost again and again before a chunk was across: chunks become smaller, ${bytes} bytes at most`,
          );
        this.#isLimited = true;
        await producer.limitLink(bytes);
      } else if (bytes === Number.POSITIVE_INFINITY) {
        if (before < bytes) log.info("the link carries chunks of any size again");
        // Larger batches matter to small files only: nothing under way is begun again for them.
        if (this.#isLimited && producer.isIdle) {
          this.#isLimited = false;
          await producer.limitLink(bytes);
        }
      }
    } catch (error) {
      // The agent is being stopped: nothing else ends the wait for the brokers.
      log.debug(`limiting what the link carries: ${messageOf(error)}`);
    }
  }
}
