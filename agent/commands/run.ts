/** The composition root of `run`: builds what the role needs, hands it down, and takes it apart again. */
import { hostname } from "node:os";
import { version } from "../../package.json" with { type: "json" };
import type { Config } from "../config/config.ts";
import { type HttpServer, startHttp } from "../http/server.ts";
import { FileSearch } from "../ledger/find/file-search.ts";
import { AgentError, ConfigurationError, messageOf } from "../lib/errors.ts";
import { Log } from "../observe/log.ts";
import { Observer } from "../observe/observer.ts";
import { serviceManagerOf } from "../observe/service-manager.ts";
import { whileConnected } from "./connected.ts";
import { dryRun } from "./dry-run.ts";
import { exitCode } from "./exit-code.ts";
import type { RoleRun } from "./role-run.ts";
import { runAsDownloader } from "./run-downloader.ts";
import { runAsUploader } from "./run-uploader.ts";
import { ignoreOtherSignals } from "./signals.ts";
import { describeStart } from "./start-line.ts";
import { listenForStop } from "./stop-signal.ts";

export interface RunOptions {
  once: boolean;
  dryRun: boolean;
}

/** Runs the configured role until it is done or stopped. Returns the exit code. */
export async function run(config: Config, options: RunOptions): Promise<number> {
  const log = new Log({ level: config.log.level, format: config.log.format, agent: config.name });
  ignoreOtherSignals(log);
  const { role, name } = config;
  const observer = new Observer({ role, name, version, host: hostname(), troubles: log.troubles });
  // A device says what is its own; a downloader knows its whole fleet's files anyway.
  const search = new FileSearch({
    uploader: role === "uploader" ? name : undefined,
    now: () => performance.now(),
  });
  const service = serviceManagerOf(process.env, observer);
  const stop = listenForStop(config, log, () => {
    observer.phase = "stopping";
    service.stopping();
  });
  let http: HttpServer | undefined;
  try {
    log.info(describeStart(config));
    if (options.dryRun) {
      await dryRun(config, log, stop.signal);
      return exitCode.done;
    }
    http = startHttp(config.http, { observer, search }, log);
    const reporting = { log, observer, logChunks: config.log.chunks };
    return await runRole(config, options.once, { reporting, search, ready: service.ready }, stop.signal);
  } catch (error) {
    // Whatever was being waited for when the stop came.
    if (stop.signal.aborted && error instanceof AgentError) return exitCode.done;
    log.error(messageOf(error));
    if (!(error instanceof AgentError)) log.debug(error instanceof Error ? (error.stack ?? "") : "");
    return error instanceof ConfigurationError ? exitCode.misconfigured : exitCode.failed;
  } finally {
    stop.end();
    http?.stop();
    service.end();
    log.flush();
  }
}

function runRole(
  config: Config,
  once: boolean,
  { search, ...told }: Pick<RoleRun<unknown>, "reporting" | "ready"> & { search: FileSearch },
  signal: AbortSignal,
): Promise<number> {
  return whileConnected(config, once, told.reporting, signal, (connection) => {
    search.ledger = connection.connected.searched;
    const run = { config, once, ...connection, ...told };
    const work =
      config.role === "uploader"
        ? runAsUploader({ ...run, role: config.uploader })
        : runAsDownloader({ ...run, role: config.downloader });
    return work.finally(() => search.end());
  });
}
