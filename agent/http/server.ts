/** The agent's HTTP: health, metrics and status. It only ever answers questions; there is nothing to be changed by it. */
import type { HttpConfig } from "../config/config.ts";
import type { FileSearch } from "../ledger/find/file-search.ts";
import { formatAddress } from "../lib/address.ts";
import { AgentError, codeOf, messageOf } from "../lib/errors.ts";
import { History } from "../observe/history.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import { answer, statusLine } from "./routes.ts";
import { StatusEvents } from "./status-events.ts";

/** Seconds that a connection may be silent. */
const idleSeconds = 10;
/** Nobody has anything to send here. */
const maxBodyBytes = 1024;

export interface HttpServer {
  stop(): void;
}

/**
 * Listens as configured; gives nothing when that is off, or the default port is taken. Throws a permanent `AgentError`
 * when an address that was asked for can't be had.
 */
export function startHttp(
  config: HttpConfig,
  { observer, search }: { observer: Observer; search: FileSearch },
  log: Log,
): HttpServer | undefined {
  const { listen, token, listenIsDefault } = config;
  if (listen === undefined) return undefined;
  const history = new History(observer.metrics);
  const events = new StatusEvents(() => statusLine(observer));
  try {
    const server = Bun.serve({
      hostname: listen.host,
      port: listen.port,
      development: false,
      // Without `development` Bun shares the port with whoever of the same user asks for it too, another agent: requests
      // would go to either.
      reusePort: false,
      idleTimeout: idleSeconds,
      maxRequestBodySize: maxBodyBytes,
      fetch: (request, server) => {
        const stayOpen = (seconds: number) => server.timeout(request, seconds);
        return answer({ observer, history, events, search, host: listen.host, token, stayOpen }, request);
      },
      error: (error) => {
        log.error(`HTTP: ${messageOf(error)}`);
        return new Response("a mistake of the agent's own\n", { status: 500 });
      },
    });
    log.info(`HTTP on ${server.url.origin}`);
    const stopHistory = history.start();
    return {
      stop: () => {
        stopHistory();
        events.end();
        void server.stop(true);
      },
    };
  } catch (error) {
    const taken = codeOf(error) === "EADDRINUSE";
    const address = formatAddress(listen);
    const problem = `http.listen: ${address} ${taken ? "is taken by another program" : `can't be had: ${messageOf(error)}`}`;
    if (!listenIsDefault)
      throw new AgentError(`${problem}; choose another address, or off`, "permanent", error);
    log.warn(`${problem}: no HTTP; set http.listen to another address, or to off`);
    return undefined;
  }
}
