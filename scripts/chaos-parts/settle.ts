/** The end of a run: everything is mended, and what is under way has to arrive. */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../test/support/compare.ts";
import { waitUntil } from "../../test/support/wait.ts";
import type { Counters } from "./counters.ts";
import type { Findings } from "./findings.ts";
import { whyMissing } from "./judge.ts";
import type { Stage } from "./stage.ts";
import type { Truth } from "./truth.ts";
import type { Watcher } from "./watcher.ts";

export interface SettleOptions {
  stage: Stage;
  truth: Truth;
  watcher: Watcher;
  counters: Counters;
  findings: Findings;
  /** Uploaders that delete what is delivered. */
  deleting: readonly string[];
  say(text: string): void;
  /** Nothing has moved for so long: stuck. */
  stuckMs: number;
  /** Something moves, but it does not end. */
  patienceMs: number;
}

const quietMs = 3000;

/** Waits until all that must arrive has arrived and nothing moves; what does not arrive is a finding. */
export async function settle(options: SettleOptions): Promise<void> {
  const { truth, watcher, counters, findings, deleting, stuckMs, patienceMs } = options;
  const endMs = Date.now() + patienceMs;
  let moves = -1;
  let movedMs = Date.now();
  const isOver = async () => {
    await watcher.settled();
    const missing = truth.outstanding().length + truth.notTaken(deleting).length;
    if (counters.moves !== moves) movedMs = Date.now();
    moves = counters.moves;
    if (missing === 0) return Date.now() - counters.lastMoveMs >= quietMs;
    return Date.now() - movedMs >= stuckMs || Date.now() >= endMs;
  };
  await waitUntil("everything settles", isOver, { timeoutMs: patienceMs + stuckMs, pollMs: 200 });
  if (truth.outstanding().length > 0) await reportMissing(options);
  for (const key of truth.notTaken(deleting))
    findings.add("stuck", key, "every group has it, and its source is not deleted");
}

/** One finding a content: lost if any group can never get it. */
async function reportMissing({ stage, truth, counters, findings, say }: SettleOptions): Promise<void> {
  const missing = truth.outstanding();
  const notes = new Map<string, Set<string>>();
  const lags = new Map<string, number>();
  for (const group of new Set(missing.flatMap(({ groups }) => groups))) {
    notes.set(group, await partialsOf(stage, group));
    const description = await describe(stage, group);
    lags.set(group, lagIn(description));
    say(description);
  }
  for (const agent of stage.agents) say(`${agent.name}: ${await agent.status()}`);
  for (const { record, state, groups } of missing) {
    const [name = "", ...rest] = record.key.split("/");
    const uploader = stage.uploaders.find((agent) => agent.name === name);
    const reasons = groups.map((group) =>
      whyMissing({
        sent: counters.wasSent(record.key, state.md5),
        sending: uploader?.isSending(rest.join("/")) ?? false,
        uploaderBusy: uploader?.isBusy ?? false,
        partial: notes.get(group)?.has(record.key) ?? false,
        lag: lags.get(group) ?? 0,
      }),
    );
    const kind = reasons.some((reason) => reason.kind === "lost") ? "lost" : "stuck";
    const why = groups.map((group, at) => `not in group ${group}: ${reasons[at]?.why}`).join("; ");
    findings.add(kind, record.key, `content ${state.index} of ${state.size} bytes ${why}`);
  }
}

/** The files that downloaders of a group keep unfinished. */
async function partialsOf(stage: Stage, group: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { output } of stage.disks.filter((disk) => disk.group === group)) {
    const folder = join(output, ".streamsend/partial");
    for (const name of await readdir(folder).catch(() => [])) {
      // Looked at from outside, as the store's head says it: the agent's own code would want the native layer here.
      if (!name.endsWith(".note")) continue;
      const note = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
        uploader?: string;
        path?: string;
      };
      found.add(`${note.uploader}/${note.path}`);
    }
  }
  return found;
}

/** Where a group stands, by Kafka's own tool: a line a partition. */
async function describe(stage: Stage, group: string): Promise<string> {
  const tool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
  const script = join(import.meta.dir, "../kafka");
  const question = ["--bootstrap-server", stage.kafka.bootstrap, "--describe", "--group", group];
  return (await run([script, "run", tool, ...question])).output;
}

/** Chunks that a group has not read. The columns are GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG and the member. */
function lagIn(description: string): number {
  const lags = description.split("\n").map((line) => Number(line.trim().split(/\s+/)[5]));
  return lags.filter((lag) => lag > 0).reduce((sum, lag) => sum + lag, 0);
}
