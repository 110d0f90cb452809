/** A link that can be made slow: Toxiproxy, of scripts/toxiproxy. */
import { join } from "node:path";
import { run } from "./compare.ts";
import { waitUntil } from "./wait.ts";

export class Toxiproxy {
  readonly #server: Bun.Subprocess;
  readonly #api: string;

  private constructor(server: Bun.Subprocess, api: string) {
    this.#server = server;
    this.#api = api;
  }

  static async start(): Promise<Toxiproxy> {
    const port = freePort();
    const command = [await executable(), "-host", "127.0.0.1", "-port", String(port)];
    const server = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    const proxy = new Toxiproxy(server, `http://127.0.0.1:${port}`);
    const answers = () =>
      fetch(`${proxy.#api}/version`).then(
        (response) => response.ok,
        () => false,
      );
    await waitUntil("Toxiproxy answers", answers);
    return proxy;
  }

  async stop(): Promise<void> {
    this.#server.kill("SIGKILL");
    await this.#server.exited;
  }

  /** Opens a port that leads to `upstream`, which may be named later by `lead`; gives the port. */
  async open(name: string, upstream = "127.0.0.1:1"): Promise<number> {
    const { listen } = await this.#post("/proxies", { name, listen: "127.0.0.1:0", upstream, enabled: true });
    return Number(String(listen).split(":").at(-1));
  }

  async lead(name: string, upstream: string): Promise<void> {
    await this.#post(`/proxies/${name}`, { upstream });
  }

  /** Bytes per second in each direction, at most. */
  async throttle(name: string, bytesPerSecond: number): Promise<void> {
    for (const stream of ["upstream", "downstream"]) {
      const attributes = { rate: Math.round(bytesPerSecond / 1024) };
      await this.#post(`/proxies/${name}/toxics`, { type: "bandwidth", stream, attributes });
    }
  }

  async #post(path: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(this.#api + path, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`Toxiproxy: POST ${path}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }
}

async function executable(): Promise<string> {
  const { code, output, errors } = await run([join(import.meta.dir, "../../scripts/toxiproxy")]);
  if (code !== 0) throw new Error(`scripts/toxiproxy: ${errors}`);
  return output.trim();
}

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}
