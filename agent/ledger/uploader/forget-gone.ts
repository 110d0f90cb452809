/** Taking entries of files that are gone out of an uploader's ledger, once nobody can need them any more. */
import { messageOf } from "../../lib/errors.ts";
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import { jitteredPeriodMs } from "../../lib/jitter.ts";
import { pause } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import type { UploaderLedger } from "./uploader-ledger.ts";

const tidyMs = 3600_000;
/** What is gone and may not have arrived everywhere is kept for this many times the chunks' retention. */
const unsettledTimes = 4;
/** Entries that are taken out of the ledger at a time. */
const forgottenAtATime = 32;

/** The first offset of a log's partition that is still there; infinity: the log was deleted. Throws a `KafkaError`. */
export type LogStart = (topicId: string, partition: number) => Promise<number>;

export interface ForgettingOptions {
  ledger: UploaderLedger;
  /** How long chunks are kept. */
  retentionMs: number;
  logStart: LogStart;
  log: Log;
}

/**
 * Forgets the paths that have been gone for longer than their chunks are kept, and that nobody waits for. Those that somebody
 * may wait for are kept four times as long. Chunks that are still there may be read again, and only what is known of their
 * version tells that they are done. See `Ledger.write`.
 */
export async function forgetGone(options: ForgettingOptions): Promise<void> {
  const { ledger } = options;
  // First: between a look at a path and its tombstone nothing may come that makes it one to keep.
  const starts = await logStarts(options);
  const hasExpired = (path: string) => {
    const { topic, partition, offset } = ledger.file(path) ?? {};
    // Never sent whole: it can't be had from the log.
    return offset === undefined || offset < (starts.get(`${topic} ${partition}`) ?? 0);
  };
  await forEachConcurrent(goneFor(options), forgottenAtATime, async (path) => {
    if (hasExpired(path)) await ledger.forget(path);
  });
}

/** Forgets what is gone from time to time, until the signal fires. */
export async function keepForgetting(options: ForgettingOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(jitteredPeriodMs(tidyMs), signal);
    if (signal.aborted) return;
    await forgetGone(options).catch((error: unknown) => {
      if (!signal.aborted)
        options.log.warn(`tidying the ledger: ${messageOf(error)}; tried again within an hour`);
    });
  }
}

function* goneFor({ ledger, retentionMs }: ForgettingOptions): Generator<string> {
  for (const [path, goneMs] of ledger.gone()) {
    const times = ledger.feedback.receipts.isSettled(path) ? 1 : unsettledTimes;
    if (goneMs >= retentionMs * times) yield path;
  }
}

/** By topic and partition, where the logs begin that these paths were sent to. */
async function logStarts(options: ForgettingOptions): Promise<ReadonlyMap<string, number>> {
  const { ledger, logStart, log } = options;
  const asked = new Map<string, Promise<number>>();
  for (const path of goneFor(options)) {
    const { topic, partition } = ledger.file(path) ?? {};
    const name = `${topic} ${partition}`;
    if (topic === undefined || partition === undefined || asked.has(name)) continue;
    const start = logStart(topic, partition).catch((error: unknown) => {
      log.warn(`what is gone and was sent to partition ${partition} is forgotten later: ${messageOf(error)}`);
      return 0;
    });
    asked.set(name, start);
  }
  return new Map(await Promise.all([...asked].map(async ([name, start]) => [name, await start] as const)));
}
