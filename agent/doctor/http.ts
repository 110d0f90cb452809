/** Can the agent have the address that it is to listen on? */
import { createServer } from "node:net";
import type { HttpConfig } from "../config/config.ts";
import { formatAddress } from "../lib/address.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const fix = "set http.listen to another address, or to off";
const answerMs = 2000;

/** @param name of the agent: what it has itself, running, is no trouble */
export async function examineHttp({ listen, listenIsDefault }: HttpConfig, name: string): Promise<Finding[]> {
  if (listen === undefined) return [];
  const { host, port } = listen;
  const address = formatAddress(listen);
  const error = await tryListening(host, port);
  const subject = `http ${address}`;
  if (error === undefined) return [ok(subject, "free")];
  const holder = codeOf(error) === "EADDRINUSE" ? await agentAt(address) : undefined;
  if (holder === name) return [ok(subject, "held by this agent, which runs")];
  const who = holder === undefined ? "another program" : `the agent ${holder}`;
  const text = codeOf(error) === "EADDRINUSE" ? `is taken by ${who}` : `can't be had: ${messageOf(error)}`;
  // The default one is only wanted, one that was asked for ends the agent.
  return [listenIsDefault ? warn(subject, `${text}: there would be no HTTP`, fix) : fail(subject, text, fix)];
}

function tryListening(host: string, port: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** The name of the agent that answers there; undefined: none does, or it wants a token. */
async function agentAt(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(`http://${address}/api/status`, { signal: AbortSignal.timeout(answerMs) });
    const status: unknown = await response.json();
    const isNamed = typeof status === "object" && status !== null && "name" in status;
    return isNamed && typeof status.name === "string" ? status.name : undefined;
  } catch {
    return undefined;
  }
}
