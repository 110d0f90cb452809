/** A file that was found, as JSON has it: for `find --json`, and for whoever else hands it out. */
import type { FoundFile } from "./find-files.ts";

export interface FoundItem {
  uploader: string;
  path: string;
  version: number;
  size: number;
  state: FoundFile["state"];
  acknowledged: number;
  time: string | null;
  groups: { group: string; state: string; time: string | null; reason: string | null }[];
  source: FoundFile["source"];
  /** Only where its uploader has given it up. */
  reason?: string;
}

export function itemOf({ timeMs, groups, reason, ...file }: FoundFile): FoundItem {
  const { uploader, path, version, size, state, acknowledged, source } = file;
  return {
    ...{ uploader, path, version, size, state, acknowledged, time: timeOf(timeMs) },
    groups: groups.map((said) => ({
      ...{ group: said.group, state: said.state, time: timeOf(said.timeMs), reason: said.reason ?? null },
    })),
    source,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The last millisecond that RFC 3339 has a text for. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** RFC 3339 with milliseconds, UTC; null: the brokers have not said. @param ms since 1970 */
export function timeOf(ms: number): string | null {
  return ms > 0 && ms <= lastMs ? new Date(ms).toISOString() : null;
}
