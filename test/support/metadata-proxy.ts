/**
 * A broker that can be reached as ever, but whose metadata is wrong: it names no broker, as one that is fenced does for a
 * moment after a freeze, names an address where nobody listens, or a controller that there is not. Stands between agents and a real broker and changes its
 * answers.
 */
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { changedFrames } from "./kafka-frames.ts";

const metadataRequest = 3;
/** The first version whose answer has compact arrays; clients of today ask for newer ones. */
const oldestVersion = 9;
/** Nobody listens there: the port has been out of use since the eighties. */
const portOfNobody = 1;

/** A broker of this number is nowhere. */
const controllerOfNobody = 99;

export type Mistake = "no brokers" | "wrong address" | "wrong controller";

export class MetadataProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #upstreamPort = 0;
  #mistake: Mistake | undefined;
  #changed = 0;
  #connections = 0;
  #failure: Error | undefined;

  private constructor() {
    this.#server = createServer((client) => void this.#carry(client));
  }

  static async start(): Promise<MetadataProxy> {
    const proxy = new MetadataProxy();
    const { promise, resolve } = Promise.withResolvers<void>();
    proxy.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** How many answers had this mistake. */
  get changedAnswers(): number {
    return this.#changed;
  }

  /** Where the real broker is, HOST:PORT on this machine. */
  lead(upstream: string): void {
    this.#upstreamPort = Number(upstream.split(":").at(-1));
  }

  /** How many connections there have been. */
  get connections(): number {
    return this.#connections;
  }

  /** From now on its metadata has this mistake, or none. */
  mistake(mistake: Mistake | undefined): void {
    this.#mistake = mistake;
    this.#changed = 0;
  }

  /** Cuts all connections once. */
  interrupt(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Throws what went wrong here meanwhile. */
  async stop(): Promise<void> {
    this.interrupt();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
    if (this.#failure) throw this.#failure;
  }

  async #carry(client: Socket): Promise<void> {
    this.#connections++;
    const upstream = dial(this.#upstreamPort, "127.0.0.1");
    for (const socket of [client, upstream]) this.#sockets.add(socket);
    /** The requests for metadata that wait for their answer, by correlation id. */
    const asked = new Set<number>();
    try {
      await Promise.all([
        pipeline(client, (source) => changedFrames(source, (frame) => noteRequest(frame, asked)), upstream),
        pipeline(upstream, (source) => changedFrames(source, (frame) => this.#answer(frame, asked)), client),
      ]);
    } catch (error) {
      // Either end may hang up at any time; the other one learns of it.
      if (error instanceof ProtocolError) this.#failure = error;
    } finally {
      for (const socket of [client, upstream]) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    }
  }

  #answer(frame: Buffer, asked: Set<number>): Buffer {
    if (!asked.delete(frame.readInt32BE(0)) || !this.#mistake) return frame;
    this.#changed++;
    return withMistake(frame, this.#mistake);
  }
}

class ProtocolError extends Error {}

/** Request header: api key (int16), version (int16), correlation id (int32). */
function noteRequest(frame: Buffer, asked: Set<number>): Buffer {
  if (frame.readInt16BE(0) === metadataRequest) {
    const version = frame.readInt16BE(2);
    if (version < oldestVersion) throw new ProtocolError(`metadata of version ${version} has another form`);
    asked.add(frame.readInt32BE(4));
  }
  return frame;
}

/** Correlation id (int32), tags, throttle time (int32), then the brokers: id (int32), host, port (int32), rack, tags; the cluster, the controller (int32). */
function withMistake(frame: Buffer, mistake: Mistake): Buffer {
  const start = 4 + 1 + 4;
  let at = start + 1;
  const changed = Buffer.from(frame);
  const skipText = () => {
    at += Math.max((frame[at] as number) - 1, 0) + 1;
  };
  for (let left = (frame[start] as number) - 1; left > 0; left--) {
    at += 4;
    skipText();
    if (mistake === "wrong address") changed.writeInt32BE(portOfNobody, at);
    at += 4;
    skipText();
    at += 1;
  }
  if (mistake === "wrong address") return changed;
  if (mistake === "wrong controller") {
    skipText();
    changed.writeInt32BE(controllerOfNobody, at);
    return changed;
  }
  return Buffer.concat([frame.subarray(0, start), Buffer.of(1), frame.subarray(at)]);
}
