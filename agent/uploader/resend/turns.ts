/**
 * Whose turn it is to be answered: of the groups that have a share of their own the one that has had the least. All others
 * together are one of them, and take turns in it. So a group that asks for everything again and again, or any number of
 * groups that somebody has made up, holds up no other's requests for longer than its share takes.
 */
import { othersShare } from "../../ledger/uploader/known-groups.ts";
import { UniqueQueue } from "../../lib/unique-queue.ts";

/** An answer that was interrupted so that others have their turn. */
export interface Paused {
  resume(): void;
}

/** A share that something waits for. */
interface Share {
  /** Whose turn it is in it, the next one first. */
  groups: UniqueQueue<string>;
  pathsOf: Map<string, UniqueQueue<string>>;
  paused: UniqueQueue<Paused>;
  /** Whether the last one that was taken is an answer that went on. */
  wentOn: boolean;
}

/** Interrupted answers of all the groups that are not known: each keeps a file open. A known group goes on before it begins another. */
const maxPausedOthers = 32;
/** What an answer costs beside its bytes. */
const answerBytes = 64 << 10;

export class Turns {
  readonly #shares = new Map<string, Share>();
  /** What each share has had, bytes; one that is not here has had as much as the one whose turn was last. */
  readonly #had = new Map<string, number>();
  #leastHad = 0;
  #size = 0;

  /** How often paths wait, for whichever group's turn. */
  get size(): number {
    return this.#size;
  }

  /** The path waits for this group's turn; where it waits for that already, it keeps its place. */
  add(share: string, group: string, path: string): void {
    const { groups, pathsOf } = this.#shareOf(share);
    const paths = pathsOf.getOrInsertComputed(group, () => new UniqueQueue());
    groups.push(group);
    const before = paths.size;
    paths.push(path);
    this.#size += paths.size - before;
  }

  /** Forgets what need not wait any more. */
  tidy(isAsked: (group: string, path: string) => boolean): void {
    for (const [name, { groups, pathsOf, paused }] of this.#shares) {
      for (const [group, paths] of pathsOf) {
        const before = paths.size;
        paths.keepOnly((path) => isAsked(group, path));
        this.#size += paths.size - before;
        if (paths.size > 0) continue;
        pathsOf.delete(group);
        groups.delete(group);
      }
      if (pathsOf.size + paused.size === 0) this.#shares.delete(name);
    }
  }

  /** The answer waits for the turn of any of these shares. */
  addPaused(shares: Iterable<string>, paused: Paused): void {
    for (const share of shares) this.#shareOf(share).paused.push(paused);
  }

  /** What is next: a path, or an answer that goes on. Undefined: nothing waits. */
  take(): string | Paused | undefined {
    const name = this.#next();
    const share = name === undefined ? undefined : this.#shares.get(name);
    if (name === undefined || !share) return undefined;
    this.#leastHad = this.#hadBy(name);
    const taken = takeFrom(share, name === othersShare ? maxPausedOthers : 1);
    if (typeof taken === "string") this.#size--;
    if (share.pathsOf.size + share.paused.size === 0) this.#shares.delete(name);
    for (const [one, had] of this.#had)
      if (had <= this.#leastHad && !this.#shares.has(one)) this.#had.delete(one);
    return taken;
  }

  began(shares: Iterable<string>): void {
    this.sent(shares, answerBytes);
  }

  /** So many bytes more were sent for each of these shares. */
  sent(shares: Iterable<string>, bytes: number): void {
    for (const share of shares) this.#had.set(share, this.#hadBy(share) + bytes);
  }

  /** Whether an answer for these shares is to make room for another one. */
  isOthersTurn(shares: ReadonlySet<string>): boolean {
    const next = this.#next();
    if (next === undefined) return false;
    if (shares.has(next)) return next === othersShare;
    return [...shares].every((one) => this.#hadBy(next) < this.#hadBy(one));
  }

  #shareOf(name: string): Share {
    return this.#shares.getOrInsertComputed(name, () => {
      // Whoever asked for nothing for a while has not saved that up.
      this.#had.set(name, this.#hadBy(name));
      return { groups: new UniqueQueue(), pathsOf: new Map(), paused: new UniqueQueue(), wentOn: false };
    });
  }

  #next(): string | undefined {
    let least: string | undefined;
    for (const share of this.#shares.keys())
      if (least === undefined || this.#hadBy(share) < this.#hadBy(least)) least = share;
    return least;
  }

  #hadBy(share: string): number {
    return Math.max(this.#leastHad, this.#had.get(share) ?? 0);
  }
}

function takeFrom(share: Share, maxPaused: number): string | Paused | undefined {
  const mayBegin = share.paused.size < maxPaused && share.groups.size > 0;
  share.wentOn = share.paused.size > 0 && !(mayBegin && share.wentOn);
  if (share.wentOn) return share.paused.shift();
  const group = share.groups.shift();
  const paths = group === undefined ? undefined : share.pathsOf.get(group);
  if (group === undefined || !paths) return undefined;
  const path = paths.shift();
  if (paths.size > 0) share.groups.push(group);
  else share.pathsOf.delete(group);
  return path;
}
