/** What was found wrong, by kind. A run is good when none of them is there. */

export const findingKinds = [
  "lost",
  "corrupt",
  "half",
  "older",
  "duplicated",
  "outside",
  "stuck",
  "agent",
] as const;
export type FindingKind = (typeof findingKinds)[number];

/** In the order of the summary. */
export const findingTitles: Readonly<Record<FindingKind, string>> = {
  lost: "lost (nobody has it, and nobody has it under way)",
  corrupt: "corrupt (published with bytes or a time that its path never had)",
  half: "half-published (under its name before it was whole)",
  older: "older after newer on one disk",
  duplicated: "duplicated (published twice on one disk for no reason)",
  outside: "outside (taken from where nothing is watched)",
  stuck: "stuck (under way, and nothing moves any more)",
  agent: "agents that ended by themselves, or did not where they had to",
};

export interface Finding {
  kind: FindingKind;
  /** `UPLOADER/PATH`, or an agent's name. */
  what: string;
  why: string;
  atMs: number;
}

export class Findings {
  readonly #all: Finding[] = [];
  readonly #onFinding: (finding: Finding) => void;

  constructor(onFinding: (finding: Finding) => void = () => undefined) {
    this.#onFinding = onFinding;
  }

  add(kind: FindingKind, what: string, why: string): void {
    const finding = { kind, what, why, atMs: Date.now() };
    this.#all.push(finding);
    this.#onFinding(finding);
  }

  get all(): readonly Finding[] {
    return this.#all;
  }

  count(kind: FindingKind): number {
    return this.#all.filter((finding) => finding.kind === kind).length;
  }
}
