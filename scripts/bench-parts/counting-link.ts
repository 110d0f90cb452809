/**
 * A TCP relay that counts what passes, so that what a client sends and receives is known to the byte; what TCP and IP add to that is
 * reckoned: a segment at most is acknowledged by another one.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** IPv4, and TCP with time stamps. */
const headerBytes = 52;
const segmentBytes = 1448;
/** Three to open and four to close. */
const connectionSegments = 7;

export class CountingLink {
  readonly port: number;
  readonly #server: Server;
  /** Where connections lead to. */
  target = { host: "127.0.0.1", port: 1 };
  /** Bytes to the target, and from it. */
  up = 0;
  down = 0;
  #segments = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static open(): Promise<CountingLink> {
    return new Promise((resolve) => {
      const server = createServer({ noDelay: true });
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        const link = new CountingLink(server, typeof address === "object" && address ? address.port : 0);
        server.on("connection", (client) => link.#relay(client));
        resolve(link);
      });
    });
  }

  /** Bytes both ways, with what TCP and IP add. */
  get carried(): number {
    return this.up + this.down + this.#segments * headerBytes;
  }

  close(): void {
    this.#server.close();
  }

  #relay(client: Socket): void {
    const broker = connect({ ...this.target, noDelay: true });
    this.#segments += connectionSegments;
    client.on("data", (bytes) => {
      this.up += bytes.length;
      this.#segments += 2 * Math.ceil(bytes.length / segmentBytes);
    });
    broker.on("data", (bytes) => {
      this.down += bytes.length;
      this.#segments += 2 * Math.ceil(bytes.length / segmentBytes);
    });
    client.pipe(broker).pipe(client);
    // One end gone: the other has nothing left to do.
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  }
}
