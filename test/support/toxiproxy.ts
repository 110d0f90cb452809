/** A link that can be made slow, cut, delayed and reset: Toxiproxy, of scripts/toxiproxy. */
import { join } from "node:path";
import { run } from "./compare.ts";
import { freePort } from "./free-port.ts";
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

  /** Opens a port; the broker that it leads to may be named later. */
  async open(name: string): Promise<Link> {
    const ask: Ask = (method, path, body) => this.#ask(method, `/proxies${path}`, body);
    const upstream = "127.0.0.1:1";
    const { listen } = await ask("POST", "", { name, listen: "127.0.0.1:0", upstream, enabled: true });
    return new Link(`/${name}`, Number(String(listen).split(":").at(-1)), ask);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(this.#api + path, { method, ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`Toxiproxy: ${method} ${path}: ${text}`);
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  }
}

/** One port that leads to a broker. */
export class Link {
  readonly port: number;
  readonly #path: string;
  readonly #ask: Ask;

  constructor(path: string, port: number, ask: Ask) {
    this.#path = path;
    this.port = port;
    this.#ask = ask;
  }

  async lead(upstream: string): Promise<void> {
    await this.#set({ upstream });
  }

  /** Bytes per second in each direction, at most. */
  async throttle(bytesPerSecond: number): Promise<void> {
    const attributes = { rate: Math.round(bytesPerSecond / 1024) };
    for (const stream of ["upstream", "downstream"]) await this.#toxic("bandwidth", stream, attributes);
  }

  /** No connection goes through any more, until `mend`. */
  async cut(): Promise<void> {
    await this.#set({ enabled: false });
  }

  /** Resets all connections once; new ones go through at once, as spoiled as before. */
  async interrupt(): Promise<void> {
    await this.cut();
    // Not by `mend`: taking a throttle away waits for seconds until what it holds back is through.
    await this.#set({ enabled: true });
  }

  /** Each answer comes later, by `ms` and up to `jitterMs` more. */
  async delay(ms: number, jitterMs: number): Promise<void> {
    await this.#toxic("latency", "downstream", {
      latency: Math.round(ms),
      jitter: Math.round(jitterMs),
    });
  }

  /** Each connection is reset `afterMs` after it was opened, or after now. */
  async reset(afterMs: number): Promise<void> {
    await this.#toxic("reset_peer", "downstream", { timeout: afterMs });
  }

  /** What is sent from now on gets lost, and each connection ends `afterMs` later. */
  async silence(afterMs: number): Promise<void> {
    await this.#toxic("timeout", "upstream", { timeout: afterMs });
  }

  /** Takes away everything that spoils the link. */
  async mend(): Promise<void> {
    const proxy = await this.#ask("GET", this.#path);
    for (const toxic of proxy.toxics as { name: string }[]) {
      await this.#ask("DELETE", `${this.#path}/toxics/${toxic.name}`);
    }
    await this.#set({ enabled: true });
  }

  async #toxic(type: string, stream: string, attributes: object): Promise<void> {
    await this.#ask("POST", `${this.#path}/toxics`, { type, stream, attributes });
  }

  async #set(change: object): Promise<void> {
    await this.#ask("POST", this.#path, change);
  }
}

type Ask = (method: string, path: string, body?: unknown) => Promise<Record<string, unknown>>;

async function executable(): Promise<string> {
  const { code, output, errors } = await run([join(import.meta.dir, "../../scripts/toxiproxy")]);
  if (code !== 0) throw new Error(`scripts/toxiproxy: ${errors}`);
  return output.trim();
}
