import { expect, test } from "bun:test";
import { fstatSync } from "node:fs";
import { leadsToJournal } from "../../../agent/observe/journal.ts";

test("only what the service manager has made standard output of leads to the journal", () => {
  const { dev, ino } = fstatSync(0, { bigint: true });
  expect(leadsToJournal(0, `${dev}:${ino}`)).toBe(true);
  for (const other of [undefined, "", `${dev}:${ino + 1n}`, `${ino}:${dev + 1n}`, `${dev}:${ino}:`])
    expect(leadsToJournal(0, other)).toBe(false);
  expect(leadsToJournal(9999, `${dev}:${ino}`)).toBe(false);
});
