import { expect, test } from "bun:test";
import { textOf } from "../../../agent/commands/find-text.ts";
import type { FoundFile } from "../../../agent/ledger/find/find-files.ts";

const file: FoundFile = {
  ...{ uploader: "till", path: "a.txt", version: 1744741849202123, size: 5, state: "sent", acknowledged: 5 },
  ...{ timeMs: 1744741849202, groups: [], source: "present", reason: undefined },
};

function shown(files: readonly FoundFile[], isJson = false): string {
  const found = {
    count: files.length,
    *files() {
      yield* files;
    },
  };
  return [...textOf(found, isJson)].join("");
}

test("columns are as wide as what is in them, and one long name does not push the others away", () => {
  const said = { state: "delivered", timeMs: 1, reason: undefined } as const;
  const long = { ...file, groups: [{ group: "g".repeat(100), ...said }], size: 1234567 };
  const lines = shown([file, long]).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[1]).toBe(`2025-04-15T18:30:49Z  sent   present        5  till      ${"-".padEnd(40)}  a.txt`);
  expect(lines[0]?.indexOf("PATH")).toBe(lines[1]?.indexOf("a.txt") ?? -2);
  expect(lines[2]).toEndWith(`${"g".repeat(100)}=delivered  a.txt`);
});

test("nothing in it plays with the terminal, in columns or as JSON", () => {
  const evil = "\u001b[2J\u202e\n";
  const groups = [{ group: evil, state: "failed", timeMs: 1, reason: evil }] as const;
  const one = { ...file, path: "x%1B\u202e%0A%E9.txt", groups, reason: evil };
  for (const isJson of [false, true]) {
    const text = shown([one], isJson);
    expect(text.replaceAll("\n", "")).toMatch(/^[\x20-\x7e]*$/);
    expect(text.trimEnd().split("\n")).toHaveLength(isJson ? 1 : 2);
  }
  expect(shown([one])).toContain("x\\x1b\\u202e\\x0a\\xe9.txt");
  const item = JSON.parse(shown([one], true));
  expect([item.path, item.groups[0].reason, item.reason]).toEqual([one.path, evil, evil]);
});

test("a time that is not known, or that there can't be, is none", () => {
  for (const timeMs of [0, 2 ** 53]) {
    expect(shown([{ ...file, timeMs }])).toContain("\n-  ");
    expect(JSON.parse(shown([{ ...file, timeMs }], true)).time).toBeNull();
  }
});

test("much of it comes in pieces, none of which breaks a line", () => {
  const files = Array.from({ length: 3000 }, (_, at) => ({ ...file, path: `${at}` }));
  const found = { count: files.length, files: () => files.values() as Generator<FoundFile> };
  const pieces = [...textOf(found, true)];
  expect(pieces.length).toBeGreaterThan(3);
  for (const piece of pieces) expect(piece).toEndWith("}\n");
  expect(pieces.join("").trimEnd().split("\n")).toHaveLength(3000);
});
