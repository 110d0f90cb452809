/** The end of a run in words: what was found, what was done, whether it counts, and the exit code. */
import { type Finding, findingKinds, findingTitles } from "./findings.ts";

export interface Results {
  seed: number;
  minutes: number;
  findings: readonly Finding[];
  kills: number;
  killsInFlight: number;
  /** Contents that arrived somewhere. */
  versions: number;
  /** Files that were there at the end. */
  compared: number;
  /** Sources that uploaders have deleted, as `after: delete` asks. */
  taken: number;
  /** Contents that a disk got twice for a reason, by that. */
  repeated: ReadonlyMap<string, number>;
  unseen: number;
  ways: readonly { name: string; taken: number }[];
  faults: ReadonlyMap<string, number>;
  /** What could not be done here, and why. */
  skipped: readonly string[];
  peaks: { uploader: number; downloader: number };
  /** A run with something broken on purpose does not have to be long. */
  sabotaged: boolean;
}

/** From here on a run is a long one, in minutes. */
const longMinutes = 60;
const leastKillsInFlight = 100;
const leastVersions = 2000;

/** Why a run says nothing, however clean it is. Shorter ones need their share; each way of recovery only has to come in a long one. */
export function whyNotCounted(results: Results): string[] {
  if (results.sabotaged) return [];
  const share = Math.min(1, results.minutes / longMinutes);
  const [kills, versions] = [Math.floor(leastKillsInFlight * share), Math.floor(leastVersions * share)];
  const reasons = [];
  if (results.killsInFlight < kills)
    reasons.push(`${results.killsInFlight} kills with chunks in flight, not ${kills}`);
  if (results.versions < versions) reasons.push(`${results.versions} versions published, not ${versions}`);
  if (results.minutes >= longMinutes) {
    for (const { name, taken } of results.ways)
      if (taken === 0) reasons.push(`a way of recovery was never taken: ${name}`);
    reasons.push(...results.skipped.map((what) => `left out: ${what}`));
  }
  return reasons;
}

/** 0: nothing found, and it counts. */
export function exitCodeOf(results: Results): number {
  return results.findings.length === 0 && whyNotCounted(results).length === 0 ? 0 : 1;
}

export function summaryOf(results: Results): string {
  const { findings, ways, faults, peaks } = results;
  const count = (kind: string) => findings.filter((finding) => finding.kind === kind).length;
  const row = (number: number, what: string) => `  ${String(number).padStart(7)}  ${what}`;
  const reasons = whyNotCounted(results);
  const lines = [
    `seed ${results.seed}, ${results.minutes} minutes`,
    "",
    "found",
    ...findingKinds.map((kind) => row(count(kind), findingTitles[kind])),
    "",
    "done",
    row(results.versions, "contents published"),
    row(results.kills, "kills"),
    row(results.killsInFlight, "of them with chunks in flight"),
    row(results.taken, "sources deleted by their uploaders once every group had them"),
    row(results.compared, "files compared again at the end"),
    ...[...results.repeated]
      .sort()
      .map(([reason, times]) => row(times, `contents published again: ${reason}`)),
    row(results.unseen, "files replaced by newer ones before they could be opened"),
    ...[...faults].sort().map(([name, times]) => row(times, `fault ${name}`)),
    ...results.skipped.map((what) => `     none  ${what}`),
    "",
    "ways of recovery taken",
    ...ways.map(({ name, taken }) => row(taken, name)),
    "",
    `memory at most: ${memory("uploader", peaks.uploader)}, ${memory("downloader", peaks.downloader)}`,
    "",
    ...reasons.map((reason) => `DOES NOT COUNT: ${reason}`),
    `${findings.length === 0 ? "clean" : `RED: ${findings.length} found`}; seed ${results.seed}`,
  ];
  return lines.join("\n");
}

/** Resident memory that should never be passed, bytes. */
export const memoryGoals = { uploader: 96 << 20, downloader: 128 << 20 };

function memory(role: keyof typeof memoryGoals, bytes: number): string {
  const goal = memoryGoals[role];
  return `${role} ${mebibytes(bytes)} of ${mebibytes(goal)} MiB${bytes > goal ? " (OVER THE GOAL)" : ""}`;
}

export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
