import { expect, test } from "bun:test";
import { Resumption } from "../../../agent/ledger/resumption.ts";

const begun = { partition: 0, offset: 10, leaderEpoch: 3, timestampMs: 1000 };

/** What is found, by records' offsets, epochs and times, where the log ends at `end`. */
function found(
  records: readonly [offset: number, leaderEpoch?: number, timestampMs?: number][],
  end: number,
  from = begun,
) {
  const resumption = new Resumption([from]);
  const news = records.filter(([offset, leaderEpoch, timestampMs = 1000]) =>
    resumption.read({
      ...{ partition: 0, offset, timestampMs },
      ...(leaderEpoch !== undefined && { leaderEpoch }),
    }),
  );
  resumption.isAt(0, end);
  return { news: news.map(([offset]) => offset), hasGaps: resumption.takeGaps(), wasCut: resumption.wasCut };
}

const good = { hasGaps: false, wasCut: false };

test("it begins with the record before each position, which is not new", () => {
  const resumption = new Resumption([begun, { partition: 1, offset: 0 }]);
  expect(resumption.begin).toEqual([
    { partition: 0, offset: 9 },
    { partition: 1, offset: 0 },
  ]);
  expect(found([[9, 3]], 10)).toEqual({ news: [], ...good });
  const later: [number, number][] = [
    [9, 3],
    [10, 3],
    [11, 4],
  ];
  expect(found(later, 12)).toEqual({ news: [10, 11], ...good });
});

test("a partition that was empty may have anything by now", () => {
  const from = { partition: 0, offset: 0 } as typeof begun;
  expect(found([], 0, from)).toEqual({ news: [], ...good });
  expect(found([[0, 7]], 1, from)).toEqual({ news: [0], ...good });
  expect(found([[1, 7]], 2, from)).toEqual({ news: [1], hasGaps: true, wasCut: false });
});

test("what is missing behind the position is a gap, before the next record or before the end", () => {
  const next: [number, number][] = [
    [9, 3],
    [11, 3],
  ];
  expect(found(next, 12)).toEqual({ news: [11], hasGaps: true, wasCut: false });
  expect(found([[9, 3]], 11)).toEqual({ news: [], hasGaps: true, wasCut: false });
});

test("a later leader before the position has cut off what was there; where nothing is left of it, the next record has to be of the same", () => {
  expect(found([[9, 4]], 10).wasCut).toBe(true);
  expect(found([[9]], 10).wasCut).toBe(true);
  expect(found([[10, 4]], 11).wasCut).toBe(true);
  // It was taken out, and more may have been.
  expect(found([[10, 3, 2000]], 11)).toEqual({ news: [10], hasGaps: true, wasCut: false });
  expect(found([], 10).wasCut).toBe(true);
  const { leaderEpoch, ...unknown } = begun;
  expect(found([[9, 3]], 10, unknown as typeof begun).wasCut).toBe(true);
});

test("brokers that were put back to an earlier state count their leaders as before: what was appended at another moment is another record", () => {
  expect(
    found(
      [
        [9, 3, 1000],
        [10, 3, 2000],
      ],
      11,
    ),
  ).toEqual({ news: [10], ...good });
  expect(found([[9, 3, 1001]], 10).wasCut).toBe(true);
});
