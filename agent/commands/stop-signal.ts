/** How an agent that runs is stopped. */
import type { Config } from "../config/config.ts";
import { pause } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { exitCode } from "./exit-code.ts";

/**
 * The first SIGTERM or SIGINT drains, for as long as `shutdown_timeout` at most; the second, or SIGQUIT, ends at once.
 *
 * @param stopping called at the first
 * @param lateCode of a drain that takes longer
 */
export function listenForStop(
  config: Pick<Config, "shutdownTimeoutMs">,
  log: Log,
  stopping: () => void,
  lateCode: number = exitCode.done,
): { signal: AbortSignal; end(): void } {
  const stop = new AbortController();
  const end = new AbortController();
  const exitNow = (code: number) => {
    log.flush();
    process.exit(code);
  };
  const onSignal = (name: NodeJS.Signals) => {
    if (stop.signal.aborted) return exitNow(exitCode.failed);
    log.info(`${name}: finishing what is under way`);
    stopping();
    stop.abort();
    void pause(config.shutdownTimeoutMs, end.signal).then(() => {
      if (end.signal.aborted) return;
      log.warn("shutdown_timeout is over: what was not finished goes on at the next start");
      exitNow(lateCode);
    });
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("SIGQUIT", () => exitNow(exitCode.failed));
  return { signal: stop.signal, end: () => end.abort() };
}
