/** What would be lost if an uploader or a group were forgotten, as the ledger tells it. */
import { keyOf } from "../../wire/entry.ts";
import { type EntryKey, isAboutUploader, isOfGroups, partitionOfEntry } from "../../wire/entry-key.ts";
import type { EntryLog } from "../ledger.ts";
import { allPartitions, readWhole } from "../read-whole.ts";
import { type Holder, NameRecords } from "../uploader/name-records.ts";
import { GroupTally, type Tally, tallyOf } from "./tally.ts";

/** Groups that are told apart: whoever may write the ledger can make up any number. */
const mostGroups = 100;

export interface UploaderSurvey extends Tally {
  holder: Holder | undefined;
  /** When anything was written under its name last, by the brokers' clock, milliseconds since 1970; 0: nothing stands. */
  heardMs: number;
  /** Those that are to have its files, by name. */
  groups: ReadonlyMap<string, GroupTally>;
}

export interface GroupSurvey extends Tally {
  group: GroupTally;
}

/** `undefined`: there is nothing of it to forget. Throws a `KafkaError`. */
export async function surveyUploader(log: EntryLog, uploader: string): Promise<UploaderSurvey | undefined> {
  const name = new NameRecords();
  let heardMs = 0;
  const groups = new Map<string, GroupTally>();
  const groupOf = (group: string) =>
    groups.get(group) ??
    (groups.size < mostGroups ? groups.getOrInsertComputed(group, () => new GroupTally()) : undefined);
  for await (const entries of readWhole(log, allPartitions(log))) {
    for (const { entry, offset, timestampMs } of entries) {
      const key = keyOf(entry);
      const isIts = isAboutUploader(key, uploader);
      if (isOfGroups(key) && (isIts || key.kind === "start")) {
        const group = groupOf(key.group);
        if (key.kind === "start") group?.start.note(entry.kind === "start" ? entry : undefined, timestampMs);
      } else if (isIts && (entry.kind === "name" || entry.kind === "files")) {
        if (entry.kind === "name") name.apply(entry, offset);
        heardMs = timestampMs;
      }
    }
  }
  const partition = partitionOfEntry({ kind: "name", uploader }, log.partitions);
  const isWanted = (key: EntryKey) => isAboutUploader(key, uploader) && key.kind !== "name";
  const tally = await tallyOf(log, [partition], isWanted, groups);
  const { holder } = name;
  if (tally.entries === 0 && (!holder || holder.isReleased)) return undefined;
  return { ...tally, holder, heardMs, groups: new Map([...groups].filter(([, group]) => group.isThere)) };
}

/** `undefined`: there is nothing of it to forget. Throws a `KafkaError`. */
export async function surveyGroup(log: EntryLog, name: string): Promise<GroupSurvey | undefined> {
  const group = new GroupTally();
  const isIts = (key: EntryKey) => isOfGroups(key) && key.group === name;
  const partition = partitionOfEntry({ kind: "start", group: name }, log.partitions);
  for await (const entries of readWhole(log, [partition]))
    for (const { entry, timestampMs } of entries)
      if (keyOf(entry).kind === "start" && isIts(keyOf(entry)))
        group.start.note(entry.kind === "start" ? entry : undefined, timestampMs);
  const isWanted = (key: EntryKey) => key.kind === "files" || isIts(key);
  const tally = await tallyOf(log, allPartitions(log), isWanted, new Map([[name, group]]));
  return group.isThere ? { ...tally, group } : undefined;
}
