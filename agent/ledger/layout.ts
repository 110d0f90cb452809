/**
 * How the ledger's entries are spread over its partitions is recorded in it, by whoever comes first: with another number of
 * partitions nobody would find what was written before, and everything would be sent again.
 *
 * Any writer may have written that number, so it stops nobody by itself: more partitions than there are is impossible, as Kafka
 * takes none away, and fewer are believed only as long as every entry stands where they put it.
 */
import { AgentError } from "../lib/errors.ts";
import { keyOf } from "../wire/entry.ts";
import { partitionOfEntry } from "../wire/entry-key.ts";
import type { EntryLog } from "./ledger.ts";
import { allPartitions, readWhole } from "./read-whole.ts";

/** It is among the first of a partition that may have millions of entries, and each start looks for it. */
const fetchBytes = 32 << 10;

type NamedLog = EntryLog & { readonly name: string };

export interface Layout {
  /** Whether the present number of partitions is recorded. */
  isRecorded: boolean;
  /** Another number, that the entries are spread over; undefined: there is none such. */
  other: number | undefined;
}

/** Records the number of partitions where nobody has. Throws as `requireLayout`. */
export async function checkLayout(ledger: NamedLog): Promise<void> {
  if (!(await requireLayout(ledger)).isRecorded)
    await ledger.write({ kind: "layout", format: 1, partitions: ledger.partitions });
}

/** Throws a permanent `AgentError` when the ledger has another number of partitions than it was begun with. */
export async function requireLayout(ledger: NamedLog): Promise<Layout> {
  const { name, partitions } = ledger;
  const layout = await findLayout(ledger);
  if (layout.other === undefined) return layout;
  throw new AgentError(
    `topic ${name} has ${partitions} partitions, but was begun with ${layout.other}, and its entries are spread over those: the ledger's number of partitions can't be changed; delete the topic, or name another one (kafka.ledger), and what is there is sent again`,
    "permanent",
  );
}

export async function findLayout(ledger: EntryLog): Promise<Layout> {
  const recorded = await readLayout(ledger);
  const isRecorded = recorded === ledger.partitions;
  const isOther = !isRecorded && recorded !== undefined && (await isSpreadOver(ledger, recorded));
  return { isRecorded, other: isOther ? recorded : undefined };
}

/**
 * The present number if it is recorded anywhere, else the last smaller one. It is the first entry of all, unless the ledger is
 * older than this rule, or somebody else has written one.
 */
async function readLayout(ledger: EntryLog): Promise<number | undefined> {
  let smaller: number | undefined;
  for await (const entries of readWhole(ledger, [0], "files", fetchBytes)) {
    for (const { entry } of entries) {
      if (entry.kind !== "layout") continue;
      const { partitions } = entry;
      if (partitions === ledger.partitions) return partitions;
      if (partitions > 0 && partitions < ledger.partitions) smaller = partitions;
    }
  }
  return smaller;
}

/** Whether there are entries, each where that number of partitions puts it. */
async function isSpreadOver(ledger: EntryLog, recorded: number): Promise<boolean> {
  let found = false;
  for await (const entries of readWhole(ledger, allPartitions(ledger))) {
    for (const { entry, partition } of entries) {
      const key = keyOf(entry);
      if (key.kind === "layout") continue;
      if (partitionOfEntry(key, recorded) === partition) found = true;
      else if (partitionOfEntry(key, ledger.partitions) === partition) return false;
    }
  }
  return found;
}
