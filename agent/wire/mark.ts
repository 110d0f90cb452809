/** What a mark says by numbers: docs/protocol.md, "Marks". */
import type { DoneEntry } from "./entry.ts";

/** Up to where it speaks of all, of what was noted before which ledger offset, and its exceptions. */
export interface MarkNumbers {
  readonly to: number;
  readonly at: number;
  readonly but: Pick<ReadonlySet<number>, "has">;
}

/** Whether a version that was noted at this ledger offset is settled, though nothing names it. */
export function settlesByNumber({ to, at, but }: MarkNumbers, version: number, notedAt: number): boolean {
  return version <= to && notedAt < at && !but.has(version);
}

/** As it counts at this ledger offset: of a log that was cut off since, what it says of numbers is of entries that may be gone. */
export function inThisLog(entry: DoneEntry, offset: number): DoneEntry {
  return entry.at <= offset ? entry : withoutNumbers(entry);
}

/** Only what it names. */
export function withoutNumbers(entry: DoneEntry): DoneEntry {
  return { ...entry, to: 0, at: 0, but: [] };
}
