import { expect, test } from "bun:test";
import { GroupState } from "../../../../../agent/ledger/group/group-state.ts";
import { encodeSummary, summaryFormat } from "../../../../../agent/ledger/group/summary/summary-format.ts";
import {
  again,
  delivered,
  failed,
  first,
  needs,
  noted,
  other,
  time,
  without,
} from "../../../../support/entries.ts";

const place = {
  positions: [{ partition: 0, offset: 9, leaderEpoch: 3, timestampMs: 5 }],
  ...{ upMs: 1, boot: "boot", brokersMs: 2, sinceWholeMs: 3, wholeMs: 4 },
};
const subject = { version: "1", ledgerId: "ledger", partitions: 1, group: "group" };

test("a state with something of everything takes so many bytes: with any other number it is another format", () => {
  const state = new GroupState("group", () => 0, "ledger");
  const entries = [
    noted(first),
    noted(other),
    delivered(first),
    failed(other),
    needs(other),
    again(first),
    without(failed(first)),
    {
      kind: "name",
      uploader: "till",
      format: 1,
      instance: "i",
      host: "h",
      state: "held",
      highest: 1,
      epoch: 0,
    },
    { kind: "start", group: "group", format: 1, topic: "topic", offsets: { 0: 1 }, time },
  ] as const;
  for (const [offset, entry] of entries.entries())
    state.apply({ entry, partition: 0, offset, timestampMs: 1000 });
  const bytes = encodeSummary(subject, place, state).reduce((sum, { length }) => sum + length, 0);
  expect([summaryFormat, bytes]).toEqual([6, 905]);
});
