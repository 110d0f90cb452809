import { expect, test } from "bun:test";
import {
  better,
  type GroupSaid,
  type GroupState,
  stateOf,
} from "../../../../agent/ledger/find/file-state.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";

const states: readonly FileValue["state"][] = ["sending", "sent", "abandoned", "gone", "incomplete"];
const words: readonly GroupState[] = ["delivered", "failed", "needed"];

/** Every set of up to three groups' words, in every order. */
const said: GroupState[][] = [[]];
for (let at = 0; said.length < 1 + 3 + 9 + 27; at++)
  for (const word of words) said.push([...(said[at] ?? []), word]);

function word(state: GroupState): GroupSaid {
  return { group: "group", state, timeMs: 1, reason: undefined };
}

test("a file is delivered as soon as any group has it, wherever it is by now, and whatever others say", () => {
  for (const noted of states)
    for (const groups of said)
      expect(stateOf(noted, groups.map(word)) === "delivered").toBe(groups.includes("delivered"));
});

test("else what a group says counts, first that it has failed", () => {
  for (const noted of states)
    for (const groups of said.filter((some) => some.length > 0 && !some.includes("delivered")))
      expect(stateOf(noted, groups.map(word))).toBe(groups.includes("failed") ? "failed" : "needed");
});

test("of what no group speaks the uploader's word counts", () => {
  expect(states.map((noted) => stateOf(noted, []))).toEqual(["sending", "sent", "failed", "gone", "sent"]);
});

test("of what one group says the same counts, in whatever order it is read", () => {
  for (const groups of said.filter((some) => some.length > 0)) {
    const all = groups.map(word);
    const best = all.reduce<GroupSaid | undefined>(better, undefined);
    expect(best?.state).toBe(stateOf("sent", all) as GroupState);
  }
});
