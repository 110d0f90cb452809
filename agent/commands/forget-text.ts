/** What `forget` says would be lost. */
import type { GroupSurvey, UploaderSurvey } from "../ledger/forget/survey.ts";
import type { Counted, GroupTally } from "../ledger/forget/tally.ts";
import { pathToDisplay } from "../wire/path.ts";

/** A line each. */
export function describeUploader(name: string, survey: UploaderSurvey): string[] {
  const { sent, sending, gone, entries, groups } = survey;
  const lines = [
    `uploader ${name}: ${files(sent.count)} sent, ${sending.count} being sent, ${gone.count} gone at the source`,
    `  name: ${describeHolder(survey)}`,
  ];
  for (const [group, { missing, asked }] of groups) {
    const has = missing.count === 0 ? "has all that was sent" : `has not got ${named(missing, pathOf)}`;
    const asks = asked.count === 0 ? "" : `; it asks for ${named(asked, pathOf)}`;
    lines.push(`  group ${group} ${has}${asks}`);
  }
  if (groups.size === 0 && sent.count > 0)
    lines.push(`  no group is known: nobody has got ${named(sent, pathOf)}`);
  if (sending.count > 0) lines.push(`  being sent: ${named(sending, pathOf)}`);
  lines.push(
    `  entries to be taken out of the ledger: ${entries}. What a group has not got then, and does not find in the topic, is neither asked for nor missed any more; stored files stay`,
    "  an agent that comes back under this name sends all that is in its watches again",
  );
  return lines;
}

/**
 * A line each.
 *
 * @param members who is in the group now
 */
export function describeGroup(name: string, { group }: GroupSurvey, members: readonly string[]): string[] {
  const { missing, asked, receipts, start } = group;
  const began = start.value === undefined ? "" : `, began ${start.value.time}`;
  const inIt = members.length === 0 ? "nobody is in it" : `in it now: ${members.join(", ")}`;
  return [
    `group ${name}: ${receipts} ${receipts === 1 ? "receipt" : "receipts"}${began}; ${inIt}`,
    missing.count === 0
      ? "  it has all that was sent to it"
      : `  it has not got ${named(missing, keyOfFile)}: nobody misses that any more`,
    asked.count === 0
      ? "  it asks no uploader for anything"
      : `  it asks uploaders for ${named(asked, keyOfFile)}: the requests are taken back`,
    "  if it ever comes back it begins anew, where its downloader.start says, and gets files again that it had",
    "  uploaders that name it in after_groups go on waiting for it; take it out there",
  ];
}

function describeHolder({ holder, heardMs }: UploaderSurvey): string {
  if (!holder) return "nobody has it";
  const heard = `last heard of ${new Date(heardMs).toISOString()}`;
  if (holder.isReleased) return `given back by the agent on ${holder.host}, ${heard}`;
  return `held by an agent on ${holder.host}, ${heard}; it is asked before anything is done, and one that works is left alone`;
}

function files(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

function named({ count, some }: Counted, nameOf: (file: GroupFile) => string): string {
  const names = some.map((file) => pathToDisplay(nameOf(file))).join(", ");
  const more = count > some.length ? ` and ${count - some.length} more` : "";
  return `${files(count)} (${names}${more})`;
}

type GroupFile = GroupTally["missing"]["some"][number];

function pathOf({ path }: GroupFile): string {
  return path;
}

function keyOfFile({ uploader, path }: GroupFile): string {
  return `${uploader}/${path}`;
}
