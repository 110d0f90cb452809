/** What marks are told of versions, and what that changes. */
import type { EarlyFile } from "../../wire/entry-value.ts";
import type { Due } from "./due-versions.ts";
import type { FormerPlace } from "./former-places.ts";
import type { Mark } from "./mark.ts";

/** A version as its uploader has noted it. */
export interface Noted extends Omit<Due, "key"> {
  path: string;
  was?: readonly FormerPlace[];
}

/** The same, wherever that stands. */
export type NotedAt = Omit<Noted, "slot" | "slotAt" | "hasFailed" | "was">;

/** `differs`: the group has other bytes under that number. `failed`: its receipt says so, and nothing else has to. */
export type Verdict = "settled" | "due" | "differs" | "failed";

/** What is said of a version beside marks. */
export interface Said {
  /** It is asked for again, whatever a mark says. */
  isWanted: boolean;
  /** A receipt stands that it has failed, whether that counts or not. */
  hasReceipt: boolean;
  /** It had failed in a ledger that was deleted since. */
  hadFailed: boolean;
}

/** A version that a group has just stored. */
export interface Delivered extends EarlyFile {
  /** An older version of the same path that is due. */
  supersedes?: number | undefined;
  /** A mark says nothing of it by its number: it was sent before the group began. */
  isBefore?: boolean;
}

/** What a mark's record has changed. */
export interface Change {
  /** What was due and is not any more. */
  settled: Due[];
  /** Marks of which the ledger lacks something, and those of which it lacks nothing. */
  dirty: Mark[];
  clean: Mark[];
}
