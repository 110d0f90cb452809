/** A link that can be made slow, cut, delayed and reset: Toxiproxy, of scripts/toxiproxy. */
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
    const attributes = { rate: Math.round(bytesPerSecond / 1024) };
    for (const stream of ["upstream", "downstream"]) await this.#toxic(name, "bandwidth", stream, attributes);
  }

  /** No connection goes through any more, until `mend`. */
  async cut(name: string): Promise<void> {
    await this.#post(`/proxies/${name}`, { enabled: false });
  }

  /** Resets all connections once; new ones go through at once, as spoiled as before. */
  async interrupt(name: string): Promise<void> {
    await this.cut(name);
    // Not by `mend`: taking a throttle away waits for seconds until what it holds back is through.
    await this.#post(`/proxies/${name}`, { enabled: true });
  }

  /** Each answer comes later, by `ms` and up to `jitterMs` more. */
  async delay(name: string, ms: number, jitterMs: number): Promise<void> {
    await this.#toxic(name, "latency", "downstream", {
      latency: Math.round(ms),
      jitter: Math.round(jitterMs),
    });
  }

  /** Each connection is reset `afterMs` after it was opened, or after now. */
  async reset(name: string, afterMs: number): Promise<void> {
    await this.#toxic(name, "reset_peer", "downstream", { timeout: afterMs });
  }

  /** What is sent from now on gets lost, and each connection ends `afterMs` later. */
  async silence(name: string, afterMs: number): Promise<void> {
    await this.#toxic(name, "timeout", "upstream", { timeout: afterMs });
  }

  /** Takes away everything that spoils the link. */
  async mend(name: string): Promise<void> {
    const proxy = await this.#ask("GET", `/proxies/${name}`);
    for (const toxic of proxy.toxics as { name: string }[]) {
      await this.#ask("DELETE", `/proxies/${name}/toxics/${toxic.name}`);
    }
    await this.#post(`/proxies/${name}`, { enabled: true });
  }

  async #toxic(proxy: string, type: string, stream: string, attributes: object): Promise<void> {
    await this.#post(`/proxies/${proxy}/toxics`, { type, stream, attributes });
  }

  #post(path: string, body: unknown): Promise<Record<string, unknown>> {
    return this.#ask("POST", path, body);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(this.#api + path, { method, ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`Toxiproxy: ${method} ${path}: ${text}`);
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
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
