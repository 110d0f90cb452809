/** The HTTP address of an agent, as somebody outside uses it. */
import type { AgentProcess } from "./agent-process.ts";
import { parseMetrics } from "./prometheus.ts";
import type { Scene } from "./scene.ts";
import { waitUntil } from "./wait.ts";

/** Settings for an agent whose HTTP a test asks: on a free port. */
export const anyPort = { http: { listen: "127.0.0.1:0" } };

export class AgentHttp {
  readonly #agent: AgentProcess;
  /** `127.0.0.1:40123`. */
  readonly address: string;

  private constructor(agent: AgentProcess, address: string) {
    this.#agent = agent;
    this.address = address;
  }

  /** Once the agent listens. */
  static async of(agent: AgentProcess): Promise<AgentHttp> {
    const [, address = ""] = await agent.waitForLine(/HTTP on http:\/\/(\S+)/);
    return new AgentHttp(agent, address);
  }

  get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://${this.address}${path}`, init);
  }

  /** Sends the bytes as they are; gives what comes back until the connection ends or is silent for a second. */
  async raw(request: string | Uint8Array): Promise<string> {
    const [hostname = "", port] = this.address.split(":");
    const { promise, resolve } = Promise.withResolvers<void>();
    let answer = "";
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data(socket, bytes) {
          answer += Buffer.from(bytes).toString("latin1");
          socket.timeout(1);
        },
        timeout: (socket) => void socket.end(),
        close: () => resolve(),
        error: () => resolve(),
      },
    });
    socket.timeout(1);
    socket.write(request);
    await promise;
    return answer;
  }

  async status(): Promise<Record<string, unknown>> {
    return (await (await this.get("/api/status")).json()) as Record<string, unknown>;
  }

  /** The sample with these labels. */
  async metric(name: string, labels: Record<string, string> = {}): Promise<number> {
    const samples = parseMetrics(await (await this.get("/metrics")).text());
    const found = samples.find((sample) => sample.name === name && Bun.deepEquals(sample.labels, labels));
    if (!found) throw new Error(`no metric ${name} ${JSON.stringify(labels)}`);
    return found.value;
  }

  /** Until /readyz answers so; gives the reasons. */
  waitForReadiness(ready: boolean, reason = /(?:)/): Promise<string[]> {
    let last = "";
    return waitUntil(
      `/readyz says ${ready ? "ready" : `not ready: ${reason}`}`,
      async () => {
        const response = await this.get("/readyz");
        last = await response.clone().text();
        if (response.status !== (ready ? 200 : 503)) return false;
        const { reasons } = (await response.json()) as { reasons: string[] };
        return (ready || reason.test(reasons.join("\n"))) && reasons;
      },
      { detail: () => `${last}\n${this.#agent.report()}` },
    );
  }
}

/** What the command `status` says. */
export async function runStatus(scene: Scene, args: readonly string[], env: Record<string, string> = {}) {
  const agent: AgentProcess = scene.agent(["status", ...args], { env });
  const code = await agent.waitForExit();
  return { code, output: agent.output, errors: agent.errors };
}
