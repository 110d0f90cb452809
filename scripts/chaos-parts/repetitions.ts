/** Contents that a disk got more than once: each has a reason, or is a finding. */
import type { ChaosAgent } from "./agent.ts";
import type { Counters } from "./counters.ts";
import type { Findings } from "./findings.ts";
import { reasonOf } from "./judge.ts";
import type { Watcher } from "./watcher.ts";

export interface Repeated {
  repetitions: Watcher["repetitions"];
  uploaders: readonly Pick<ChaosAgent, "name" | "wasKilledSince">[];
  counters: Pick<Counters, "versionsPublished" | "wasStoreDeleted" | "wasLedgerLost">;
  findings: Pick<Findings, "add">;
}

/** How many have which reason; those without one are findings. */
export function explainRepetitions({
  repetitions,
  uploaders,
  counters,
  findings,
}: Repeated): Map<string, number> {
  const explained = new Map<string, number>();
  for (const { disk, record, state, firstMs, lastMs } of repetitions) {
    const times = state.published.get(disk.name) ?? 0;
    const [name] = record.key.split("/");
    const uploader = uploaders.find((agent) => agent.name === name);
    const reason = reasonOf({
      times,
      versions: counters.versionsPublished(disk.name, record.key, state, times),
      uploaderKilled: uploader?.wasKilledSince(state.sinceMs) ?? false,
      storeDeleted: counters.wasStoreDeleted(disk.name, firstMs, lastMs),
      ledgerLost: counters.wasLedgerLost(state.sinceMs, lastMs),
    });
    const what = `on ${disk.name}: its content ${state.index} was published ${times} times`;
    if (reason === undefined) findings.add("duplicated", record.key, what);
    else explained.set(reason, (explained.get(reason) ?? 0) + 1);
  }
  return explained;
}
