/**
 * The summary as bytes: what it is of, how far it goes, the group's state, and a checksum of all that. It is read by the version of the
 * agent that has written it, and by no other: what is derived from entries may be derived in another way by then.
 *
 *     "streamsend ledger summary\n", then packed (`lib/packed.ts`): format, version of the agent, ledger, its partitions, group, the salt of hashes;
 *     place; state; then 32 bytes: SHA-256 of what is before them
 */
import type { Position } from "../../../kafka/log-reader.ts";
import { ShapeError } from "../../../lib/json-shape.ts";
import { adoptSalt, hashSalt } from "../../../lib/name-hash.ts";
import { Packer, Unpacker } from "../../../lib/packed.ts";
import { GroupState } from "../group-state.ts";

/** It is another one whenever something is packed in another way: `test/unit/ledger/group/summary/summary-format.test.ts` tells. */
export const summaryFormat = 6;

const magic = "streamsend ledger summary\n";
const digestBytes = 32;

/** What the summary is of: good for nothing else. */
export interface Subject {
  /** Of the agent. */
  version: string;
  ledgerId: string;
  partitions: number;
  group: string;
}

/** How far the ledger was read. */
export interface Place {
  positions: readonly Position[];
  /** At this moment nothing was behind these positions that was there: by the clock of this boot of the machine, milliseconds. */
  upMs: number;
  /** undefined: it can't be told. */
  boot: string | undefined;
  /** The time of the brokers by then, as far as it was known, milliseconds since 1970. */
  brokersMs: number;
  /** How long ago all of it was read, and how long that took, milliseconds. */
  sinceWholeMs: number;
  wholeMs: number;
}

/** What is said of bytes that are no summary, or one of something else. */
export class UnusableError extends Error {}

/** At once: what it is of changes with each entry that is read. */
export function encodeSummary(subject: Subject, place: Place, state: GroupState): Buffer[] {
  const to = new Packer();
  to.count(summaryFormat).text(subject.version).text(subject.ledgerId).count(subject.partitions);
  to.text(subject.group).text(hashSalt());
  to.number(place.upMs).maybe(place.boot, (boot) => to.text(boot));
  to.number(place.brokersMs).number(place.sinceWholeMs).number(place.wholeMs);
  to.list(place.positions, ({ partition, offset, leaderEpoch, timestampMs }) =>
    to
      .count(partition)
      .count(offset)
      .maybe(leaderEpoch, (epoch) => to.count(epoch))
      .maybe(timestampMs, (ms) => to.number(ms)),
  );
  state.pack(to);
  const pieces = [Buffer.from(magic), ...to.pieces()];
  const hasher = new Bun.CryptoHasher("sha256");
  for (const piece of pieces) hasher.update(piece);
  return [...pieces, hasher.digest()];
}

/** Throws an `UnusableError`. @param now see `GroupState` */
export function decodeSummary(
  bytes: Buffer,
  subject: Subject,
  now: () => number,
): { place: Place; state: GroupState } {
  const content = bytes.subarray(0, -digestBytes);
  const digest = new Bun.CryptoHasher("sha256").update(content).digest();
  const isWhole = bytes.length > digestBytes && digest.equals(bytes.subarray(-digestBytes));
  if (!isWhole || content.toString("latin1", 0, magic.length) !== magic)
    throw new UnusableError("it is damaged");
  const from = new Unpacker(content, magic.length);
  const isSame = (said: unknown, wanted: unknown, what: string) => {
    if (said !== wanted) throw new UnusableError(`it is of another ${what}`);
  };
  isSame(from.count(), summaryFormat, "version");
  isSame(from.text(), subject.version, "version");
  isSame(from.text(), subject.ledgerId, "ledger");
  isSame(from.count(), subject.partitions, "ledger");
  isSame(from.text(), subject.group, "group");
  if (!adoptSalt(from.text())) throw new UnusableError("this process has begun with other hashes");
  try {
    const place = decodePlace(from);
    const state = new GroupState(subject.group, now, subject.ledgerId);
    state.unpack(from);
    if (from.isAtEnd) return { place, state };
  } catch (error) {
    const isOther =
      error instanceof RangeError || error instanceof SyntaxError || error instanceof ShapeError;
    if (!isOther) throw error;
  }
  throw new UnusableError("it was written in another way");
}

function decodePlace(from: Unpacker): Place {
  const upMs = from.number();
  const boot = from.maybe(() => from.text());
  const times = { brokersMs: from.number(), sinceWholeMs: from.number(), wholeMs: from.number() };
  const position = (): Position => {
    const where = { partition: from.count(), offset: from.count() };
    const leaderEpoch = from.maybe(() => from.count());
    const timestampMs = from.maybe(() => from.number());
    return {
      ...where,
      ...(leaderEpoch !== undefined && { leaderEpoch }),
      ...(timestampMs !== undefined && { timestampMs }),
    };
  };
  return { upMs, boot, ...times, positions: [...from.list(position)] };
}
