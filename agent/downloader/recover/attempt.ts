/** How far the repair of one version has come, and what people are told of all. */
import type { Sent } from "../../ledger/group/outstanding.ts";
import type { VersionId } from "../../wire/chunk.ts";

export interface Attempt {
  id: VersionId;
  /** Of the topic that it was sent to. */
  partition: number;
  step: "noticed" | "read" | "asked";
  /** Whether it was missing at the last check, too. */
  wasMissing: boolean;
  asks: number;
  /** Where the version was when it was asked for; the answer is elsewhere. */
  askedAt: string;
  /** By the monotonic clock. */
  askedAtMs: number;
}

/** At most so many uploaders are named. */
const maxNamed = 10;

export function newAttempt({ uploader, path, version, partition }: Sent): Attempt {
  return {
    id: { uploader, path, version },
    partition,
    step: "noticed",
    wasMissing: false,
    asks: 0,
    askedAt: "",
    askedAtMs: 0,
  };
}

/** What the versions wait for; for people. */
export function waitsOf(attempts: Iterable<Attempt>): string[] {
  const asked = new Map<string, number>();
  let readCount = 0;
  for (const { id, step } of attempts) {
    if (step === "asked") asked.set(id.uploader, (asked.get(id.uploader) ?? 0) + 1);
    else readCount++;
  }
  const most = [...asked].sort(([, a], [, b]) => b - a);
  const lines = most
    .slice(0, maxNamed)
    .map(([name, count]) => `${count} files wait for their uploader ${name}`);
  const others = most.slice(maxNamed).reduce((sum, [, count]) => sum + count, 0);
  if (others > 0) lines.push(`${others} files wait for ${most.length - maxNamed} other uploaders`);
  if (readCount > 0) lines.push(`${readCount} files are looked for in the log`);
  return lines;
}
