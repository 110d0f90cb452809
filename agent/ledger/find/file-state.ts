/** Where a file is, as its uploader and the groups tell it: what each says becomes one word. */
import type { FileValue } from "../../wire/entry-value.ts";

/** What a group says of a version. needed: it asks for it, or for a part of it, once more. */
export type GroupState = "delivered" | "failed" | "needed";

export interface GroupSaid {
  readonly group: string;
  readonly state: GroupState;
  /**
   * When it was written, by the brokers' clock, milliseconds since 1970. Of what was delivered: the group's last word on that uploader, so it
   * was there by then at the latest.
   */
  readonly timeMs: number;
  /** Of what has failed. */
  readonly reason: string | undefined;
}

export type FileState = "sending" | "sent" | "gone" | GroupState;

/** The first that any group says counts. */
const inOrder: readonly GroupState[] = ["delivered", "failed", "needed"];

/** The best that is known. A version that was given up has failed: a newer one may follow. */
export function stateOf(noted: FileValue["state"], groups: readonly Pick<GroupSaid, "state">[]): FileState {
  const said = inOrder.find((state) => groups.some((group) => group.state === state));
  if (said !== undefined) return said;
  switch (noted) {
    case "sending":
    case "gone":
      return noted;
    case "abandoned":
      return "failed";
    default:
      return "sent";
  }
}

/** Of several things that a group says of one version, the one that counts. */
export function better(one: GroupSaid | undefined, other: GroupSaid): GroupSaid {
  return one && inOrder.indexOf(one.state) <= inOrder.indexOf(other.state) ? one : other;
}
