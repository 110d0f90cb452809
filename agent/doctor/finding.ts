/** What the doctor says: a line each, and the fix where something is wrong. */
import { printable } from "../lib/printable.ts";

/** fail: it would stop the role or lose data; warn: it may; untried: nobody knows, and why. */
export type Level = "ok" | "warn" | "fail" | "untried";

export interface Finding {
  level: Level;
  /** What was looked at: "topic streamsend". */
  subject: string;
  text: string;
  fix?: string;
}

export function ok(subject: string, text: string): Finding {
  return { level: "ok", subject, text };
}

export function warn(subject: string, text: string, fix: string): Finding {
  return { level: "warn", subject, text, fix };
}

export function fail(subject: string, text: string, fix: string): Finding {
  return { level: "fail", subject, text, fix };
}

export function untried(subject: string, why: string): Finding {
  return { level: "untried", subject, text: `not tried: ${why}` };
}

const marks: Record<Level, string> = { ok: "ok", warn: "warn", fail: "FAIL", untried: "-" };

/** One line, whatever names are in it. */
export function formatFinding({ level, subject, text, fix }: Finding): string {
  const advice = fix === undefined ? "" : `; fix: ${fix}`;
  return printable(`${marks[level].padEnd(5)} ${subject}: ${text}${advice}`);
}

/** The line at the end. */
export function summary(findings: readonly Finding[]): string {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const parts = [
    [count("fail"), "would stop the agent or lose data"],
    [count("warn"), "may become trouble"],
    [count("untried"), "not tried"],
  ] as const;
  const said = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return said.length === 0 ? "nothing is wrong" : said.join(", ");
}
