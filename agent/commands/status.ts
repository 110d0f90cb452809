/** `status`: asks the running agent over HTTP and says what it does, in a screenful. */
import { get } from "node:http";
import { loadHttpConfig, type Sources } from "../config/load.ts";
import { HTTP_LISTEN_DEFAULT } from "../config/schema.ts";
import { formatAddress } from "../lib/address.ts";
import { AgentError, messageOf } from "../lib/errors.ts";
import { UsageError } from "./arguments.ts";
import { formatStatus, type StatusText } from "./status-text.ts";

const patienceMs = 10_000;
/** Far more than a report can be; whoever sends more is no agent. */
const maxBytes = 4 << 20;

/** Where to ask, and as whom. */
export interface Address {
  readonly url: URL;
  readonly token: string | undefined;
}

/**
 * The address that was `given` (`host:port`, with or without http://), with the token of the environment; else where an agent of this
 * configuration answers. Throws a `UsageError` for what is no address, an `AgentError` where the configuration has none.
 */
export async function addressOf(given: string | undefined, sources: Sources): Promise<Address> {
  if (given !== undefined) {
    if (sources.configFile !== undefined || sources.set?.length)
      throw new UsageError("status takes --http, or --config and --set", "status");
    return { url: toUrl(given), token: sources.environment.STREAMSEND_HTTP_TOKEN || undefined };
  }
  const { listen, token } = await loadHttpConfig(sources);
  if (listen === undefined) throw new AgentError("http.listen is off: nobody answers", "permanent");
  if (listen.port === 0)
    throw new AgentError(
      "the system chooses the port (http.listen): the agent's log has it, for --http",
      "permanent",
    );
  return { url: toUrl(formatAddress({ host: thisMachine(listen.host), port: listen.port })), token };
}

/** What the agent there does. Throws an `AgentError` when nobody answers, or not as an agent does. */
export async function readStatus({ url, token }: Address): Promise<StatusText> {
  const { code, body } = await ask(url, token).catch((error: unknown) => {
    throw new AgentError(
      `no agent answers on ${url.host}: ${messageOf(error)} (--http and --config name others)`,
      "permanent",
      error,
    );
  });
  if (code === 401) {
    const problem = token === undefined ? "asks for its token" : "does not take this token";
    throw new AgentError(
      `the agent on ${url.host} ${problem}: set STREAMSEND_HTTP_TOKEN to its http.token`,
      "permanent",
    );
  }
  const status = code === 200 ? formatStatus(body) : undefined;
  if (status === undefined)
    throw new AgentError(`what answers on ${url.host} is no streamsend-agent of this version`, "permanent");
  return status;
}

/** All addresses of this machine are no address to ask. */
function thisMachine(host: string): string {
  return { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
}

function toUrl(address: string): URL {
  const [, host, port] =
    /^(?:http:\/\/)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(address) ?? [];
  const url = `http://${host}:${port ?? HTTP_LISTEN_DEFAULT.split(":").at(-1)}/api/status`;
  if (host === undefined || !URL.canParse(url)) throw new UsageError("--http must be HOST:PORT", "status");
  return new URL(url);
}

/** Not by `fetch`: that would ask a proxy of the environment for an address of this machine. */
function ask(url: URL, token: string | undefined): Promise<{ code: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const signal = AbortSignal.timeout(patienceMs);
    signal.addEventListener("abort", () => reject(new Error(`no answer within ${patienceMs / 1000} s`)));
    const request = get(url, { headers, signal }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
        if (body.length > maxBytes) request.destroy(new Error("it answers without end"));
      });
      response.on("error", reject);
      response.on("end", () => resolve({ code: response.statusCode, body }));
    });
    request.on("error", reject);
  });
}
