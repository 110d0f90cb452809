/** Taking entries of files that are gone out of an uploader's ledger, once nobody can need them any more. */
import { messageOf } from "../../lib/errors.ts";
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import { jitteredPeriodMs } from "../../lib/jitter.ts";
import { pause } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { placesOf } from "../../wire/places.ts";
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
  await ledger.tidy();
  // First: between a look at a path and its tombstone nothing may come that makes it one to keep.
  const starts = await logStarts(options);
  await forEachConcurrent(goneFor(options), forgottenAtATime, async (path) => {
    const places = logPlacesOf(ledger.file(path));
    if (places.every(({ log, last }) => last < (starts.get(log) ?? 0))) await ledger.forget(path);
  });
  await ledger.tidy();
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

/** A topic's partition, and the offset of the version's last chunk there. */
interface LogPlace {
  /** As a key. */
  log: string;
  topic: string;
  partition: number;
  last: number;
}

/** Where the chunks of an entry's version are; nowhere, if it was never sent whole: it can't be had from the log then. */
function logPlacesOf(entry: FileValue | undefined): LogPlace[] {
  const { topic, partition: home, offset } = entry ?? {};
  if (!entry || topic === undefined || home === undefined || offset === undefined) return [];
  return placesOf({ ...entry, topic, partition: home, offset }).map(({ partition, last }) => {
    return { log: `${topic} ${partition}`, topic, partition, last };
  });
}

/** By `LogPlace.log`, where the logs begin that these paths were sent to. */
async function logStarts(options: ForgettingOptions): Promise<ReadonlyMap<string, number>> {
  const { ledger, logStart, log } = options;
  const asked = new Map<string, Promise<number>>();
  for (const path of goneFor(options)) {
    for (const { log: name, topic, partition } of logPlacesOf(ledger.file(path))) {
      if (asked.has(name)) continue;
      const start = logStart(topic, partition).catch((error: unknown) => {
        log.warn(
          `what is gone and was sent to partition ${partition} is forgotten later: ${messageOf(error)}`,
        );
        return 0;
      });
      asked.set(name, start);
    }
  }
  return new Map(await Promise.all([...asked].map(async ([name, start]) => [name, await start] as const)));
}
