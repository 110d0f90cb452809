/** A real Prometheus, of scripts/prometheus: it scrapes agents and judges rules. */
import { join } from "node:path";
import { succeed } from "./compare.ts";
import { freePort } from "./free-port.ts";
import type { Sample } from "./prometheus.ts";
import type { Settings } from "./scene.ts";
import { waitUntil } from "./wait.ts";

export interface Target {
  labels: Record<string, string>;
  health: "up" | "down" | "unknown";
  /** Why its last scrape has failed; empty: it has not. */
  lastError: string;
}

interface Answer<T> {
  status: string;
  data: T;
  error?: string;
  warnings?: string[];
}

export class PrometheusServer {
  readonly #server: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #address: string;
  readonly #read: Promise<void>;
  #log = "";

  private constructor(server: Bun.Subprocess<"ignore", "ignore", "pipe">, address: string) {
    this.#server = server;
    this.#address = address;
    this.#read = this.#listen();
  }

  /**
   * Asks and judges once a second; it is ready when this resolves.
   * @param folder its own
   * @param rules the file with the rules
   */
  static async start(folder: string, rules: string, scrapes: Settings[]): Promise<PrometheusServer> {
    const file = join(folder, "prometheus.yaml");
    const configuration = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: [rules],
      scrape_configs: scrapes,
    };
    await Bun.write(file, JSON.stringify(configuration)); // JSON is YAML
    const address = `127.0.0.1:${freePort()}`;
    const executable = (await succeed(join(import.meta.dir, "../../scripts/prometheus"))).trim();
    const server = Bun.spawn(
      [
        executable,
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${address}`,
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    const prometheus = new PrometheusServer(server, address);
    const isReady = () =>
      fetch(`http://${address}/-/ready`).then(
        ({ ok }) => ok || server.exitCode !== null,
        () => server.exitCode !== null,
      );
    await waitUntil("Prometheus is ready", isReady, { detail: () => prometheus.#log });
    if (server.exitCode !== null) throw new Error(`Prometheus has ended\n${prometheus.#log}`);
    return prometheus;
  }

  /** What it has warned of so far. */
  get warnings(): string[] {
    return this.#log.split("\n").filter((line) => /\blevel=(?:warn|error)\b/.test(line));
  }

  /** What an expression gives now. */
  async query(expression: string): Promise<Sample[]> {
    type Result = { result: { metric: Record<string, string>; value: [number, string] }[] };
    const { result } = await this.#ask<Result>("query", { query: expression });
    return result.map(({ metric: { __name__: name = "", ...labels }, value: [, value] }) => ({
      name,
      labels,
      value: Number(value),
    }));
  }

  async targets(): Promise<Target[]> {
    return (await this.#ask<{ activeTargets: Target[] }>("targets", { state: "active" })).activeTargets;
  }

  /** The rules, and whether they could be judged: `unknown` before the first time. */
  async rules(): Promise<{ name: string; health: "ok" | "err" | "unknown" }[]> {
    type Groups = { groups: { rules: { name: string; health: "ok" | "err" | "unknown" }[] }[] };
    return (await this.#ask<Groups>("rules", {})).groups.flatMap(({ rules }) => rules);
  }

  /** Of what an alert fires now: the instances. */
  async firing(alert: string): Promise<string[]> {
    const samples = await this.query(`ALERTS{alertname="${alert}", alertstate="firing"}`);
    return samples.map(({ labels }) => labels.instance ?? "").sort();
  }

  async stop(): Promise<void> {
    this.#server.kill("SIGKILL");
    await this.#server.exited;
    await this.#read;
  }

  async #ask<T>(what: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`http://${this.#address}/api/v1/${what}?${new URLSearchParams(parameters)}`);
    const { status, data, error, warnings } = (await response.json()) as Answer<T>;
    if (status !== "success" || warnings)
      throw new Error(`${what} ${JSON.stringify(parameters)}: ${error ?? warnings}`);
    return data;
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#server.stderr) this.#log += decoder.decode(bytes, { stream: true });
  }
}
