/** Ledgers of anything that there may be, in any order, and all that can be asked of what a group knows of one. */
import { GroupState } from "../../agent/ledger/group/group-state.ts";
import type { LoggedEntry } from "../../agent/ledger/ledger.ts";
import { type Entry, keyOf, tombstone } from "../../agent/wire/entry.ts";
import type { DoneValue, NotedFile } from "../../agent/wire/entry-value.ts";
import type { Random } from "./random.ts";

const uploaders = ["till-1", "till-2"];
const paths = ["a", "b", "c", "d"];
export const firstVersion = 1000;
const partitions = [0, 1];
const checksums = ["md5:5d41402abc4b2a76b9719d911017c592", "md5:7660e6fe89066db4eff65e0cf3c4c6c0"] as const;
const time = "2025-04-15T18:30:49.202Z";

/** Any entries that there may be, in the order of a log. */
export function entriesOf(random: Random, count: number): LoggedEntry[] {
  const written: Entry[] = [];
  let newest = firstVersion;
  const any = () => random.below(newest - firstVersion + 3) + firstVersion;
  const some = (most: number) => Array.from({ length: random.below(most) }, any);
  const checksum = () => random.pick(checksums);
  const id = () => ({ uploader: random.pick(uploaders), path: random.pick(paths), version: any() });
  const group = () => (random.below(8) === 0 ? "other" : "group");
  const early = () => ({
    path: random.pick(paths),
    version: any(),
    size: 5,
    checksum: checksum(),
    mtime: "0",
  });
  const noted = (): NotedFile => {
    const state = random.pick(["sent", "sent", "sent", "gone", "sending", "abandoned"] as const);
    const version = random.below(4) === 0 ? any() : ++newest;
    const where = {
      topic: random.pick(["topic", "old"]),
      partition: random.pick(partitions),
      offset: random.below(9),
    };
    const times = { mtime: "0", ctime: "0", inode: "1" };
    const attributes = random.below(2) === 0 ? { attributes: { store: "7" } } : {};
    const at = random.below(4) === 0 ? { at: random.below(written.length + 1) } : {};
    const place = {
      topic: "old",
      partition: random.pick(partitions),
      offset: 1,
      at: random.below(written.length + 1),
    };
    const was = random.below(6) === 0 ? { was: [place] } : {};
    return {
      path: random.pick(paths),
      version,
      state,
      size: 5,
      ...times,
      ...where,
      checksum: checksum(),
      ...attributes,
      ...was,
      ...at,
    };
  };
  const done = (): DoneValue => ({
    ...{ format: 1, to: any(), at: random.below(written.length + 1), but: some(3), also: some(3) },
    early: Array.from({ length: random.below(3) }, early),
    ...{ by: { store: random.below(9), [`store-${random.below(3)}`]: random.below(9) }, time },
    ...(random.below(3) === 0 ? { failed: any() } : {}),
  });
  const kinds: (() => Entry)[] = [
    ...Array.from({ length: 6 }, () => () => {
      const files = Array.from({ length: 1 + random.below(3) }, noted);
      const where = {
        uploader: random.pick(uploaders),
        epoch: random.pick([0, 0, 5]),
        slot: random.below(3),
      };
      const moved = random.below(5) === 0 ? { moved: true as const } : {};
      return {
        kind: "files" as const,
        ...where,
        format: 1 as const,
        open: some(3),
        next: newest + 1,
        files,
        ...moved,
      };
    }),
    ...Array.from({ length: 3 }, () => () => {
      const where = { uploader: random.pick(uploaders), partition: random.pick(partitions) };
      return { kind: "done" as const, group: group(), ...where, ...done() };
    }),
    () => {
      const reason = random.pick(["too long", "not answered since then"]);
      return { kind: "failed", group: group(), ...id(), format: 1, reason, time };
    },
    () => ({ kind: "needs", group: group(), ...id(), format: 1, ranges: [[0, 5]], time }),
    () => ({ kind: "again", group: group(), ...id(), format: 1, time }),
    () => {
      const held = { instance: "i", host: "h", state: "held", highest: newest } as const;
      return {
        kind: "name",
        uploader: random.pick(uploaders),
        format: 1,
        ...held,
        epoch: random.pick([0, 5]),
      };
    },
    () => ({
      kind: "start",
      group: "group",
      format: 1,
      topic: "topic",
      offsets: { 0: random.below(5) },
      time,
    }),
    () => (written.length > 0 ? tombstone(keyOf(random.pick(written))) : tombstone({ kind: "layout" })),
    // Its acknowledgement was lost.
    () => written.at(-1) ?? tombstone({ kind: "layout" }),
  ];
  return Array.from({ length: count }, (_, offset) => {
    const entry = random.pick(kinds)();
    written.push(entry);
    return { entry: structuredClone(entry), partition: 0, offset, timestampMs: 1_000_000 + 10 * offset };
  });
}

/** @param first what happens to the state before anything is read */
export function readAll(logged: readonly LoggedEntry[], first?: (state: GroupState) => void): GroupState {
  const state = new GroupState("group", () => 0, "ledger");
  state.beginReading();
  first?.(state);
  for (const one of logged) if (keyOf(one.entry).kind !== "files") state.apply(structuredClone(one));
  state.beginSecondPass();
  for (const one of logged) state.apply(structuredClone(one));
  state.endReading();
  return state;
}

/** All that can be asked of it; it is not to be used any more. */
export function answersOf(state: GroupState, newest: number): unknown {
  const ids = uploaders.flatMap((uploader) =>
    paths.flatMap((path) =>
      Array.from({ length: newest - firstVersion + 3 }, (_, at) => ({
        uploader,
        path,
        version: firstVersion + at,
      })),
    ),
  );
  const { versions, silence, failed, requests, start, reading } = state;
  const { marks, wishes, outstanding } = versions;
  state.start.reads("new");
  return {
    unsettled: [...state.unsettled()],
    outstanding: [[...outstanding.values()], outstanding.size, [...outstanding.overflowing()]],
    ids: ids.map((id) => [
      ...partitions.map((partition) => [state.isDelivered(id, partition), state.isSettled(id, partition)]),
      ...[
        failed.has(id),
        failed.hasReceipt(id),
        failed.newest(id),
        requests.sinceMs(id),
        wishes.has(id),
        versions.mayBeDue(id),
      ],
      ...[versions.isBefore(id), versions.supersededBy(id)],
    ]),
    uploaders: uploaders.map((uploader) => [
      ...[
        silence.since(uploader, 0),
        silence.isHeardFrom(uploader, 10),
        versions.mayBeSuperseded({ uploader } as never),
      ],
      ...[[...(marks.get(uploader)?.due.values() ?? [])]],
      partitions.map((partition) => marks.get(uploader)?.draft(partition, [])),
    ]),
    stores: ["store", "store-0", "store-1", "store-2"].map((store) => marks.publishedBy(store)),
    dirty: marks.dirty(() => true, 1000),
    silence: [silence.latestMs, silence.brokerTimeMs(0)],
    start: [start.value, start.before].map((value) => [value?.topic, value?.offsets]),
    began: [partitions.map((partition) => start.of(partition))],
    flags: [
      state.hasMarks,
      state.mustReadAgain,
      state.mayBeMore,
      state.isUntidy,
      reading.position(0),
      reading.isComplete,
    ],
    plausible: [1, 2, 3].map((at) => state.canBeGiven((86_400_000 + 1_000_000) * 1000 + at * 500_000, -1)),
    obsolete: [state.drainObsoleteRequests(), state.drainObsolete(() => true, 1000)],
    standing: [...wishes.values()],
  };
}
