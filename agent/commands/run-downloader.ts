/** The composition of the downloader: its group's ledger, its disk, and what follows both beside the work. */
import type { DownloaderConfig } from "../config/config.ts";
import { runDownloader } from "../downloader/downloader.ts";
import { GroupLedger } from "../ledger/group/group-ledger.ts";
import { LocalDisk } from "../lib/local-disk.ts";
import { retry } from "../lib/retry.ts";
import { native } from "../native/load-native.ts";
import { watchDisk } from "../observe/watched-disk.ts";
import { exitCode } from "./exit-code.ts";
import type { RoleRun } from "./role-run.ts";

/** Runs until it is done or stopped. Returns the exit code. */
export async function runAsDownloader(run: RoleRun<DownloaderConfig>): Promise<number> {
  const { config, role, once, connected, effects, reporting, attempt } = run;
  const { log, observer } = reporting;
  const { followed } = connected;
  const ledger = await retry({ ...attempt, what: "reading the ledger" }, () =>
    GroupLedger.open(role.group, connected.ledger),
  );
  const topic = followed.chunks;
  const ended = new AbortController();
  const beside = AbortSignal.any([attempt.signal, ended.signal]);
  const following = ledger.follow(beside, log);
  observer.phase = "opening the output";
  try {
    const disk = watchDisk(new LocalDisk(effects, syncFileSystem), observer.stalls, role.output);
    const result = await runDownloader({
      ...{ common: config, config: role, topic, ledger },
      system: { disk, effects },
      reporting,
      run: { signal: attempt.signal, once },
    });
    return result.lostCount > 0 && once ? exitCode.failed : exitCode.done;
  } finally {
    ended.abort();
    await following;
    await ledger.close();
  }
}

function syncFileSystem(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    native.syncFileSystem(fd, (error) => (error ? reject(error) : resolve()));
  });
}
