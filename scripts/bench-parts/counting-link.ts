/** A TCP relay that counts what passes, so that what a client sends and receives is known to the byte. */
import { connect, createServer, type Server, type Socket } from "node:net";

export class CountingLink {
  readonly port: number;
  readonly #server: Server;
  /** Where connections lead to. */
  target = { host: "127.0.0.1", port: 1 };
  /** Bytes to the target, and from it. */
  up = 0;
  down = 0;

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

  close(): void {
    this.#server.close();
  }

  #relay(client: Socket): void {
    const broker = connect({ ...this.target, noDelay: true });
    client.on("data", (bytes) => {
      this.up += bytes.length;
    });
    broker.on("data", (bytes) => {
      this.down += bytes.length;
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
