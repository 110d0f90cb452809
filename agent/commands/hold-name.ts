/** Working under an uploader's name: it is claimed, held beside the work, and given back at the end. */
import type { UploaderConfig } from "../config/config.ts";
import { KafkaError } from "../kafka/errors.ts";
import type { CurrentTopic } from "../kafka/topics/current-topic.ts";
import type { UploaderLog } from "../ledger/ledger.ts";
import { forgetGone, keepForgetting } from "../ledger/uploader/forget-gone.ts";
import { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import type { RoleRun } from "./role-run.ts";

/** What a name is held by. */
export interface NameHold {
  name: string;
  role: Pick<UploaderConfig, "after" | "afterGroups">;
  ledger: UploaderLog;
  /** As it is now. */
  chunks: Pick<CurrentTopic, "logStart" | "refresh" | "value">;
  /** How long chunks are kept. */
  retentionMs: number;
  log: Log;
  /** See `RoleRun`. */
  attempt: RoleRun<unknown>["attempt"];
}

/**
 * Claims the name, and returns what the work does. Losing the name stops the work as a signal does, and is thrown in the end;
 * else the name is given back.
 */
export async function holdingName<Result>(
  hold: NameHold,
  work: (ledger: UploaderLedger, signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const { attempt, chunks, retentionMs, log } = hold;
  // A missing right is waited for, another holder of the name is not.
  const giveUp = (error: unknown) => !(error instanceof KafkaError) || attempt.giveUp(error);
  const ledger = await retry({ ...attempt, what: "claiming the name", giveUp }, () => claimName(hold));
  const evicted = new AbortController();
  const signal = AbortSignal.any([attempt.signal, evicted.signal]);
  let eviction: unknown;
  const forgetting = { ledger, retentionMs, logStart: chunks.logStart.bind(chunks), log };
  const follow = ledger.follow(chunks, signal, attempt.giveUp).catch((error: unknown) => {
    eviction = error;
    evicted.abort();
  });
  const following = Promise.all([follow, keepForgetting(forgetting, signal)]);
  try {
    await retry({ ...attempt, signal, what: "tidying the ledger", giveUp }, () => forgetGone(forgetting));
    const result = await work(ledger, signal);
    if (eviction !== undefined && !attempt.signal.aborted) throw eviction;
    await ledger.release();
    return result;
  } catch (error) {
    throw attempt.signal.aborted ? error : (eviction ?? error);
  } finally {
    evicted.abort();
    await following;
    await ledger.close();
  }
}

/** Also a name that can't be claimed is read for anew: the ledger may have been recreated meanwhile. */
async function claimName({ name, role, ledger, log }: NameHold): Promise<UploaderLedger> {
  const entries = await UploaderLedger.open(name, ledger, countingGroups(role), log, role.afterGroups);
  try {
    await entries.claim();
    return entries;
  } catch (error) {
    await entries.close();
    throw error;
  }
}

/** Whose receipts decide on a source; where nothing is done to it, any group's shows that somebody has it. */
function countingGroups({ after, afterGroups }: NameHold["role"]): readonly string[] | undefined {
  return after === "keep" ? undefined : afterGroups;
}
