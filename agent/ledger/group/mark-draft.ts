/** The next record of a mark: what is known and what is delivered now, in as few numbers as that takes. */
import type { DoneValue, EarlyFile } from "../../wire/entry-value.ts";
import { limits } from "../../wire/limits.ts";
import type { Mark } from "./mark.ts";

export interface DraftOptions {
  mark: Mark;
  /** Versions in the partition that were noted and are not settled, without those of `noted`. */
  unsettled: Iterable<number>;
  /** Nothing is known for sure of numbers above this one. */
  knownTo: number;
  /** Versions that are settled now, as they were noted. */
  noted: Iterable<number>;
  /** Versions that are delivered now and are not noted. */
  early: readonly EarlyFile[];
}

export interface Draft extends Pick<DoneValue, "to" | "but" | "also" | "early" | "failed"> {
  /** What did not fit, and is delivered once more if it comes again. */
  forgottenCount: number;
}

/** What of a record is none of its lists. */
const otherBytes = 4096;
const numberBytes = 17;

export function draftOf({ mark, unsettled, knownTo, noted, early }: DraftOptions): Draft {
  const settled = new Set(noted);
  const open = new Set(unsettled);
  for (const version of mark.but) if (!settled.has(version)) open.add(version);
  for (const version of mark.also) if (!open.has(version)) settled.add(version);
  for (const { file, notedAt } of mark.early)
    if (notedAt !== undefined && !open.has(file.version)) settled.add(file.version);
  const openInOrder = inOrder(open);
  const settledInOrder = inOrder(settled);
  const to = bestEnd(
    leastEnd(mark, knownTo, openInOrder),
    Math.max(mark.to, knownTo),
    openInOrder,
    settledInOrder,
  );
  const but = openInOrder.filter((version) => version <= to);
  const above = settledInOrder.filter((version) => version > to);
  const also = above.slice(-limits.marked);
  const files = newestEarly(mark, early, open);
  const leftBytes = limits.startEntry - otherBytes - numberBytes * (but.length + also.length);
  const fitting = newestThatFit(files, leftBytes);
  return {
    ...{ to, but, also, early: fitting },
    ...(mark.failedTo > 0 && { failed: mark.failedTo }),
    forgottenCount: above.length - also.length + files.length - fitting.length,
  };
}

/** What was settled in another ledger is named nowhere: all of that is spoken of, as far as its exceptions can be named. */
function leastEnd(mark: Mark, knownTo: number, open: readonly number[]): number {
  const unnamed = open[limits.marked] ?? Number.POSITIVE_INFINITY;
  return Math.max(mark.to, Math.min(mark.oldTo, knownTo, unnamed - 1));
}

/** Up to where a record should speak of all, so that it has to name as few versions as possible. */
function bestEnd(from: number, most: number, open: readonly number[], settled: readonly number[]): number {
  let [named, openAt, settledAt] = [0, 0, 0];
  let best = { to: from, named: Number.POSITIVE_INFINITY };
  const ends = [
    from,
    ...open.filter((version) => version > from && version <= most).map((one) => one - 1),
    most,
  ];
  for (const to of ends) {
    while ((open[openAt] ?? Number.POSITIVE_INFINITY) <= to) openAt++;
    while ((settled[settledAt] ?? Number.POSITIVE_INFINITY) <= to) settledAt++;
    named = openAt + settled.length - settledAt;
    if (named <= best.named && openAt <= limits.marked) best = { to, named };
  }
  return best.to;
}

/** @param open numbers that are not settled: a file that has one of these as well, given twice, is named */
function newestEarly(mark: Mark, added: readonly EarlyFile[], open: ReadonlySet<number>): EarlyFile[] {
  const byPath = new Map<string, EarlyFile>();
  for (const { file, notedAt } of mark.early)
    if (notedAt === undefined || open.has(file.version)) byPath.set(file.path, file);
  for (const file of added)
    if ((byPath.get(file.path)?.version ?? 0) <= file.version) byPath.set(file.path, file);
  return [...byPath.values()].sort((a, b) => a.version - b.version);
}

function newestThatFit(files: readonly EarlyFile[], bytes: number): EarlyFile[] {
  let [at, left] = [files.length, bytes];
  while (at > 0 && files.length - at < limits.early) {
    left -= Buffer.byteLength(JSON.stringify(files[at - 1])) + 1;
    if (left < 0) break;
    at--;
  }
  return files.slice(at);
}

function inOrder(versions: Iterable<number>): number[] {
  return [...versions].sort((a, b) => a - b);
}
