/** `status`: asks the running agent over HTTP and says what it does, in a screenful. */
import { get } from "node:http";
import { HTTP_LISTEN_DEFAULT } from "../config/schema.ts";
import { AgentError, messageOf } from "../lib/errors.ts";
import { UsageError } from "./arguments.ts";
import { formatStatus } from "./status-text.ts";

const patienceMs = 10_000;
/** Far more than a report can be; whoever sends more is no agent. */
const maxBytes = 4 << 20;

/**
 * What the agent at `address` (`host:port`, with or without http://) does. Throws a `UsageError` for what is no address,
 * an `AgentError` when nobody answers, or not as an agent does.
 */
export async function readStatus(address: string | undefined, token: string | undefined): Promise<string> {
  const url = toUrl(address ?? HTTP_LISTEN_DEFAULT);
  const { code, body } = await ask(url, token).catch((error: unknown) => {
    const hint = address === undefined ? " (--http names another address)" : "";
    throw new AgentError(`no agent answers on ${url.host}: ${messageOf(error)}${hint}`, "permanent", error);
  });
  if (code === 401) {
    const problem = token === undefined ? "asks for its token" : "does not take this token";
    throw new AgentError(
      `the agent on ${url.host} ${problem}: set STREAMSEND_HTTP_TOKEN to its http.token`,
      "permanent",
    );
  }
  const text = code === 200 ? formatStatus(body) : undefined;
  if (text === undefined)
    throw new AgentError(`what answers on ${url.host} is no streamsend-agent of this version`, "permanent");
  return text;
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
