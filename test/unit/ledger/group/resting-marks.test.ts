import { expect, test } from "bun:test";
import { Mark } from "../../../../agent/ledger/group/mark.ts";
import { Marks } from "../../../../agent/ledger/group/marks.ts";
import { RestingMarks } from "../../../../agent/ledger/group/resting-marks.ts";
import type { DoneValue } from "../../../../agent/wire/entry-value.ts";

const record = (says: Partial<DoneValue>): DoneValue => ({
  ...{ format: 1, to: 0, at: 0, but: [], also: [], early: [], by: { store: 7 }, time: "", ...says },
});

/** One that says that all up to its number is settled. */
function plain(partition: number, to: number): Mark {
  const mark = new Mark(partition);
  mark.read(record({ to, at: 100 }), 100, () => false);
  return mark;
}

const toOf = (marks: Iterable<Pick<Mark, "partition" | "to">>) =>
  new Map(Array.from(marks, ({ partition, to }) => [partition, to]));

test("what rests says the same, and is gone once it is taken", () => {
  const resting = new RestingMarks();
  expect([resting.weight, resting.get(0), [...resting]]).toEqual([0, undefined, []]);
  resting.put([plain(300, 5), plain(0, 6)]);
  resting.put([plain(7, 8)]);
  expect(toOf(resting)).toEqual(
    new Map([
      [300, 5],
      [0, 6],
      [7, 8],
    ]),
  );
  const copy = resting.get(0);
  expect([copy?.to, copy?.by.get("store"), copy?.settles(6, 99), copy?.settles(6, 100)]).toEqual([
    ...[6, 7, true, false],
  ]);
  const taken = resting.take(0);
  expect([taken?.to, resting.get(0), resting.take(0)]).toEqual([6, undefined, undefined]);
  resting.put([plain(0, 9)]);
  expect(resting.get(0)?.to).toBe(9);
  resting.clear();
  expect([resting.weight, resting.get(300)]).toEqual([0, undefined]);
});

test("of an uploader's marks those rest that name nothing, and any number of them takes little", () => {
  const marks = new Marks();
  const partitions = 64;
  for (let partition = 0; partition < partitions; partition++)
    marks.of(partition).read(record({ to: 10, at: 100 }), 100 + partition, () => false);
  marks.of(3).add(50, 200);
  const before = marks.weight;
  marks.rest();
  expect([...marks.active].map(({ partition }) => partition)).toEqual([3]);
  expect(marks.weight).toBeLessThan(before / 2);
  expect([...marks]).toHaveLength(partitions);
  // To be looked at it goes on resting; to be changed it does not.
  expect([marks.get(5)?.to, [...marks.active].length]).toEqual([10, 1]);
  marks.known(5)?.add(60, 200);
  expect([marks.get(5)?.names(60), [...marks.active].length, [...marks].length]).toEqual([
    true,
    2,
    partitions,
  ]);
  marks.remove({ partition: 6 });
  expect([marks.get(6), marks.known(6), [...marks].length]).toEqual([undefined, undefined, partitions - 1]);
});
