/** Judgements that need more than one look: why something did not arrive, why something came twice, and what a strange file is. */
import type { Content, FileRecord } from "./truth.ts";

/** What the agents say of a content that did not arrive in a group. */
export interface Whereabouts {
  /** The uploader has said that all of it is with the brokers. */
  sent: boolean;
  /** The uploader has begun this content and not ended it. */
  sending: boolean;
  /** The uploader has begun other files and not ended them. */
  uploaderBusy: boolean;
  /** A downloader of the group keeps some of it. */
  partial: boolean;
  /** Chunks of the topic that the group has not read. */
  lag: number;
}

/** Stuck: somebody still has it in hand. Lost: nobody does, so that waiting longer would not help. */
export function whyMissing(where: Whereabouts): { kind: "lost" | "stuck"; why: string } {
  if (where.partial) return { kind: "stuck", why: "a downloader keeps a part of it, and nothing is added" };
  if (where.sending) return { kind: "stuck", why: "the uploader has begun it and does not end it" };
  if (where.sent && where.lag > 0)
    return { kind: "stuck", why: `sent, and the group stands still ${where.lag} chunks before the end` };
  if (where.sent)
    return { kind: "lost", why: "sent, and the group has read everything and keeps nothing of it" };
  if (where.uploaderBusy) return { kind: "stuck", why: "it waits for files that the uploader does not end" };
  return { kind: "lost", why: "the uploader has never taken it up" };
}

/** A content that a disk got several times. */
export interface Again {
  /** How often this content was published there. */
  times: number;
  /** As many versions of this path and content its downloader may have published: see `Counters.versionsPublished`. */
  versions: number;
  /** The uploader was killed, or another one had its name, between the content's writing and its last publication. */
  uploaderKilled: boolean;
  /** What the downloader remembers was deleted since the first publication. */
  storeDeleted: boolean;
  /** What the ledger knew was lost between the content's writing and its last publication. */
  ledgerLost: boolean;
}

/**
 * The reason of a repetition, undefined without one. An uploader that is killed after the brokers have a file and before its ledger
 * says so has to send it again; so that is a new version of the same content.
 */
export function reasonOf(again: Again): string | undefined {
  if (again.versions >= again.times && again.uploaderKilled)
    return "sent again after a kill of the uploader, or by another of its name";
  if (again.ledgerLost) return "the ledger was lost in between";
  if (again.storeDeleted) return "the downloader's memory was deleted in between";
  return undefined;
}

/** What a file under its name is, that is none of its path's contents. `later`: the same name, looked at once more. */
export function kindOfStrange(
  seen: Content,
  later: Content | undefined,
  record: FileRecord | undefined,
): { kind: "half" | "corrupt"; why: string } {
  const now = `${seen.size} bytes, md5 ${seen.md5}`;
  if (later && (later.size !== seen.size || later.md5 !== seen.md5))
    return { kind: "half", why: `it had ${now}, and went on changing under its name` };
  if (!record) return { kind: "corrupt", why: `nobody ever wrote a file of this name (${now})` };
  if (record.states.some(({ md5, size }) => md5 === seen.md5 && size === seen.size))
    return { kind: "corrupt", why: `its bytes are right, but not its modification time (${seen.mtimeNs})` };
  if (record.states.some(({ size }) => size === seen.size))
    return { kind: "corrupt", why: `its bytes are not the source's (${now})` };
  return { kind: "half", why: `its path never had a content of this size (${now})` };
}
