/** A way to a broker that counts what clients ask for, by the kind of request. */
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import type { Detour } from "./kafka.ts";
import { changedFrames } from "./kafka-frames.ts";

/** By their numbers in Kafka's protocol: https://kafka.apache.org/protocol#protocol_api_keys */
const names: ReadonlyMap<number, string> = new Map([
  [0, "Produce"],
  [1, "Fetch"],
  [2, "ListOffsets"],
  [3, "Metadata"],
  [10, "FindCoordinator"],
  [18, "ApiVersions"],
  [22, "InitProducerId"],
  [32, "DescribeConfigs"],
]);

export class RequestCounter implements Detour {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #counts = new Map<string, number>();
  #upstreamPort = 0;
  /** Connections so far. */
  connections = 0;
  /** How long the broker may wait with its answer to the last Fetch, milliseconds. */
  lastFetchWaitMs = 0;

  private constructor() {
    this.#server = createServer((client) => void this.#carry(client));
  }

  static async start(): Promise<RequestCounter> {
    const counter = new RequestCounter();
    const { promise, resolve } = Promise.withResolvers<void>();
    counter.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return counter;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  lead(upstream: string): void {
    this.#upstreamPort = Number(upstream.split(":").at(-1));
  }

  /** Requests of this kind so far. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All that were counted so far, by kind. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  async #carry(client: Socket): Promise<void> {
    this.connections++;
    const upstream = dial(this.#upstreamPort, "127.0.0.1");
    const both = [client, upstream];
    for (const socket of both) this.#sockets.add(socket);
    try {
      await Promise.all([
        pipeline(client, (source) => changedFrames(source, (frame) => this.#note(frame)), upstream),
        pipeline(upstream, client),
      ]);
    } catch {
      // Either end may hang up at any time; the other one learns of it.
    } finally {
      for (const socket of both) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    }
  }

  /** A request begins with its kind (int16). */
  #note(frame: Buffer): Buffer {
    const kind = frame.readInt16BE(0);
    const name = isDescribeTopics(frame) ? "DescribeTopics" : (names.get(kind) ?? `request ${kind}`);
    this.#counts.set(name, this.count(name) + 1);
    if (name === "Fetch") this.lastFetchWaitMs = fetchWaitMs(frame);
    return frame;
  }
}

/**
 * Whether it is a request for metadata by somebody who wants to know of topics: it makes none that are missing, where what a
 * producer of librdkafka asks for itself does. That is said before three or two other bytes at the end, by its version:
 * https://kafka.apache.org/protocol#The_Messages_Metadata
 */
function isDescribeTopics(frame: Buffer): boolean {
  const version = frame.readInt16BE(2);
  return frame.readInt16BE(0) === 3 && version >= 9 && frame.at(version >= 11 ? -3 : -4) === 0;
}

/** Behind the request's header (whose client id is a string, and which has tags since version 12) and the replica's number. */
function fetchWaitMs(frame: Buffer): number {
  const version = frame.readInt16BE(2);
  const header = 10 + Math.max(0, frame.readInt16BE(8)) + (version >= 12 ? 1 : 0);
  return frame.readInt32BE(header + (version <= 14 ? 4 : 0));
}
