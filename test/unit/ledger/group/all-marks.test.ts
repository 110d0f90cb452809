import { expect, test } from "bun:test";
import { AllMarks } from "../../../../agent/ledger/group/all-marks.ts";
import type { DoneValue } from "../../../../agent/wire/entry-value.ts";
import { checksum } from "../../../support/entries.ts";

const most = { all: 1 << 20, ofOne: 1 << 18 };
const record = (says: Partial<DoneValue>): DoneValue => ({
  ...{ format: 1, to: 0, at: 0, but: [], also: [], early: [], by: {}, time: "", ...says },
});

test("what is delivered and never noted takes no more than its bytes, and the newest is remembered", () => {
  const all = new AllMarks(most);
  const last = { path: "last", version: 30_000, size: 5, checksum };
  for (let at = 0; at < 60; at++) {
    const files = Array.from({ length: 200 }, (_, one) => ({
      ...{ path: `some/where/${at}/${one}`, version: at * 200 + one + 1, size: 5, checksum },
    }));
    const delivered = at === 59 ? [...files, last] : files;
    all.change("till", (marks) =>
      marks.records.written(0, record({ ...marks.draft(0, delivered), at }), at, delivered),
    );
    expect(all.get("till")?.weight).toBeLessThanOrEqual(most.all);
  }
  expect(all.get("till")?.marks.hasForgotten).toBe(true);
  expect(all.get("till")?.marks.earlyOf("last")?.version).toBe(last.version);
  expect(all.get("till")?.marks.earlyOf("some/where/0/0")).toBeUndefined();
});

test("marks of any number of partitions take no more than their bytes", () => {
  const all = new AllMarks(most);
  for (let partition = 0; partition < 20_000; partition++)
    all.change("till", (marks) => marks.records.read(partition, record({}), partition, true, () => false));
  expect(all.get("till")?.weight).toBeLessThanOrEqual(most.all);
  expect([...all.all()].at(-1)?.[1].partition).toBe(19_999);
});

test("what an uploader's marks name without end takes nothing from the others", () => {
  const all = new AllMarks(most);
  const name = (uploader: string, partition: number, versions: number[]) =>
    all.change(uploader, (marks) =>
      marks.records.read(partition, record({ to: 5, at: 5, also: versions }), partition, true, () => false),
    );
  for (let at = 0; at < 100; at++) name(`till-${at}`, 0, [7]);
  for (let partition = 0; partition < 200; partition++)
    name(
      "endless",
      partition,
      Array.from({ length: 1000 }, (_, at) => 10 + at),
    );
  expect(all.hasForgotten).toBe(false);
  expect(all.get("endless")?.weight).toBeLessThanOrEqual(most.all);
  for (let at = 0; at < 100; at++) expect(all.get(`till-${at}`)?.marks.get(0)?.names(7)).toBe(true);
});
