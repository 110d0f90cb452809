/** Does another agent hold the uploader's name? Reads its partition of the ledger; claims nothing. */
import { hostname } from "node:os";
import type { Config } from "../config/config.ts";
import { LogReader } from "../kafka/log-reader.ts";
import type { Topic } from "../kafka/topics/topics.ts";
import type { Log } from "../observe/log.ts";
import { decodeEntry } from "../wire/entry.ts";
import { entryPartitionKey } from "../wire/entry-key.ts";
import type { NameValue } from "../wire/entry-value.ts";
import { partitionOf } from "../wire/numbers.ts";
import { type Finding, ok, warn } from "./finding.ts";

const beginning = -2;

/** Throws a `KafkaError`. */
export async function examineName(config: Config, ledger: Topic, log: Log): Promise<Finding> {
  const { kafka, name } = config;
  const partition = partitionOf(entryPartitionKey({ kind: "name", uploader: name }), ledger.partitions);
  const options = { kafka, agentName: name, log };
  const reader = await LogReader.open(options, ledger.name, [{ partition, offset: beginning }]);
  const key = `name/${name}`;
  let holder: NameValue | undefined;
  try {
    for (let ended = false; !ended; ) {
      for (const event of await reader.read(false)) {
        if (event.kind === "end") ended = true;
        else if (event.record.key?.toString() === key)
          holder = holderOf(event.record.key, event.record.value);
      }
    }
  } finally {
    await reader.close();
  }
  return judgeName(name, holder, hostname());
}

export function judgeName(name: string, holder: NameValue | undefined, host: string): Finding {
  const subject = `name ${name}`;
  if (holder === undefined) return ok(subject, "nobody has used it yet");
  if (holder.state === "released") return ok(subject, `free; last used on ${holder.host}`);
  if (holder.host === host) return ok(subject, "held by an agent on this host, running or killed");
  const text = `held by an agent on ${holder.host}, running or killed; if it runs, this one would stop`;
  return warn(subject, text, "give one of the two another name, unless this host takes over from that one");
}

function holderOf(key: Buffer, value: Buffer | null): NameValue | undefined {
  const entry = decodeEntry(key, value);
  return entry?.kind === "name" ? entry : undefined;
}
