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
  /** As they are now. */
  followed: {
    chunks: Pick<CurrentTopic, "follow" | "logStart" | "refresh" | "value">;
    ledger: Pick<CurrentTopic, "follow">;
  };
  /** How long chunks are kept. */
  retentionMs: number;
  log: Log;
  /** See `RoleRun`. */
  attempt: RoleRun<unknown>["attempt"];
}

/** What is done under the name, until the signal fires. */
type Work<Result> = (ledger: UploaderLedger, signal: AbortSignal) => Promise<Result>;

/**
 * Claims the name, and returns what the work does. Losing the name stops the work as a signal does, and is thrown in the end;
 * else the name is given back.
 */
export async function holdingName<Result>(hold: NameHold, work: Work<Result>): Promise<Result> {
  const { attempt, followed } = hold;
  const evicted = new AbortController();
  const signal = AbortSignal.any([attempt.signal, evicted.signal]);
  // From the beginning: the ledger may be recreated while the name is claimed, too.
  const followingLedger = followed.ledger.follow(signal);
  try {
    // A missing right is waited for, another holder of the name is not.
    const giveUp = (error: unknown) => !(error instanceof KafkaError) || attempt.giveUp(error);
    const claiming = { ...attempt, what: "claiming the name", giveUp };
    const ledger = await retry(claiming, () => claimName(hold));
    const tidying = { ...attempt, what: "tidying the ledger", giveUp };
    await retry(tidying, () => forgetGone(forgettingOf(hold, ledger)));
    return await workAsHolder(hold, ledger, evicted, (own) => work(own, signal));
  } finally {
    evicted.abort();
    await followingLedger;
  }
}

/** @param evicted fires when the name is lost, and in the end */
async function workAsHolder<Result>(
  hold: NameHold,
  ledger: UploaderLedger,
  evicted: AbortController,
  work: (ledger: UploaderLedger) => Promise<Result>,
): Promise<Result> {
  const { attempt, followed } = hold;
  const signal = AbortSignal.any([attempt.signal, evicted.signal]);
  let eviction: unknown;
  const follow = ledger.follow(followed.chunks, signal).catch((error: unknown) => {
    eviction = error;
    evicted.abort();
  });
  const following = Promise.all([
    follow,
    followed.chunks.follow(signal),
    keepForgetting(forgettingOf(hold, ledger), signal),
  ]);
  try {
    const result = await work(ledger);
    if (eviction !== undefined && !attempt.signal.aborted) throw eviction;
    await ledger.release();
    return result;
  } finally {
    evicted.abort();
    await following;
    await ledger.close();
  }
}

function forgettingOf({ followed: { chunks }, retentionMs, log }: NameHold, ledger: UploaderLedger) {
  return { ledger, retentionMs, logStart: chunks.logStart.bind(chunks), log };
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
