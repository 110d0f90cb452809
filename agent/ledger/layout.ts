/**
 * How the ledger's entries are spread over its partitions is recorded in it, by whoever comes first: with another number of
 * partitions nobody would find what was written before, and everything would be sent again.
 */
import { AgentError } from "../lib/errors.ts";
import type { LayoutValue } from "../wire/entry.ts";
import type { Ledger } from "./ledger.ts";

/** Throws a permanent `AgentError` when the ledger has another number of partitions than it was begun with. */
export async function checkLayout(ledger: Ledger): Promise<void> {
  const recorded = await readLayout(ledger);
  const { name, partitions } = ledger;
  if (recorded === undefined)
    await ledger.write({ key: { kind: "layout" }, value: { format: 1, partitions } });
  else if (recorded !== partitions)
    throw new AgentError(
      `topic ${name} has ${partitions} partitions, but was begun with ${recorded}, and its entries are spread over those: the ledger's number of partitions can't be changed; delete the topic, or name another one (kafka.ledger), and what is there is sent again`,
      "permanent",
    );
}

/** It is the first entry of all, unless the ledger is older than this rule. */
async function readLayout(ledger: Ledger): Promise<number | undefined> {
  const reader = await ledger.open([0]);
  try {
    while (!reader.caughtUp) {
      for (const { entry } of await reader.read("file"))
        if (entry.key.kind === "layout" && entry.value) return (entry.value as LayoutValue).partitions;
    }
    return undefined;
  } finally {
    await reader.close();
  }
}
