/** Is this machine's clock right, where that matters? */

import type { Config } from "../config/config.ts";
import { RecordProducer } from "../kafka/producer.ts";
import type { Topic, Topics } from "../kafka/topics/topics.ts";
import { deviceNowMs } from "../lib/clock.ts";
import { Effects } from "../lib/effects.ts";
import type { Log } from "../observe/log.ts";
import { entryPartitionKey } from "../wire/entry-key.ts";
import { partitionOf } from "../wire/numbers.ts";
import { about } from "./amounts.ts";
import { type Finding, fail, ok, untried } from "./finding.ts";
import { setTopic } from "./fixes.ts";

const tolerableMs = 300_000;

/**
 * An uploader's clock matters only where chunks carry the time at which they were produced. The brokers tell theirs
 * in one way: with the acknowledgement of a record. So one is written, in that case alone: a deletion on the ledger of a
 * key that nobody has, which every reader passes over and compaction removes.
 */
export async function examineClock(config: Config, topics: Topics, log: Log): Promise<Finding[]> {
  const subject = "clock";
  const typeOf = ({ settings }: Topics["chunks"]) => settings.get("message.timestamp.type");
  if (config.role === "downloader") return [ok(subject, "nothing depends on a downloader's")];
  if (typeOf(topics.chunks) === "LogAppendTime") {
    return [ok(subject, "nothing depends on it: the brokers' own counts (LogAppendTime)")];
  }
  if (typeOf(topics.chunks) === undefined) {
    return [untried(subject, "whether it matters stands in settings that can't be read")];
  }
  if (typeOf(topics.ledger) !== "LogAppendTime") {
    return [
      untried(
        subject,
        "the brokers' time can't be known, as no topic has message.timestamp.type=LogAppendTime",
      ),
    ];
  }
  const aheadMs = await measureAhead(config, topics.ledger, log);
  return [judgeClock(config, aheadMs)];
}

/** How far this clock is ahead of the brokers'. */
async function measureAhead({ kafka, name }: Config, ledger: Topic, log: Log): Promise<number> {
  const { signal } = new AbortController();
  const producer = await RecordProducer.open({ kafka, agentName: name, effects: new Effects(), log, signal });
  try {
    const before = deviceNowMs();
    const { timestampMs } = await producer.send({
      topic: ledger.name,
      partition: partitionOf(entryPartitionKey({ kind: "name", uploader: name }), ledger.partitions),
      key: `doctor/${name}`,
      value: null,
    });
    return (before + deviceNowMs()) / 2 - timestampMs;
  } finally {
    await producer.close(0);
  }
}

/** @param aheadMs how far this clock is ahead of the brokers' */
export function judgeClock({ kafka }: Config, aheadMs: number): Finding {
  const subject = "clock";
  const off = `${about(Math.abs(aheadMs))} ${aheadMs < 0 ? "behind" : "ahead of"} the brokers'`;
  if (Math.abs(aheadMs) <= tolerableMs) return ok(subject, off);
  const text = `${off}, and topic ${kafka.topic} goes by it (CreateTime): chunks would be refused, or expire too early or too late`;
  const fix = `set the clock (timedatectl set-ntp true), or ${setTopic(kafka, kafka.topic, "message.timestamp.type=LogAppendTime")}`;
  return fail(subject, text, fix);
}
