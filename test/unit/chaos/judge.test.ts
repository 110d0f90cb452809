import { expect, test } from "bun:test";
import { kindOfStrange, reasonOf, type Whereabouts, whyMissing } from "../../../scripts/chaos-parts/judge.ts";
import { Truth } from "../../../scripts/chaos-parts/truth.ts";

const nowhere: Whereabouts = { sent: false, sending: false, uploaderBusy: false, partial: false, lag: 0 };
const seen = { md5: "aa", size: 5, mtimeNs: 1n };

test("what nobody has under way is lost, what somebody has is stuck", () => {
  expect(whyMissing(nowhere).kind).toBe("lost");
  expect(whyMissing({ ...nowhere, sent: true }).kind).toBe("lost");
  expect(whyMissing({ ...nowhere, sending: true }).kind).toBe("stuck");
  expect(whyMissing({ ...nowhere, uploaderBusy: true }).kind).toBe("stuck");
  expect(whyMissing({ ...nowhere, sent: true, uploaderBusy: true }).kind).toBe("lost");
  expect(whyMissing({ ...nowhere, sent: true, partial: true }).kind).toBe("stuck");
  expect(whyMissing({ ...nowhere, sent: true, lag: 3 }).kind).toBe("stuck");
});

test("a repetition has a reason only as a further version after a kill, or when the memory of it was deleted", () => {
  const again = { times: 2, versions: 2, uploaderKilled: true, storeDeleted: false, ledgerLost: false };
  expect(reasonOf(again)).toBeDefined();
  expect(reasonOf({ ...again, uploaderKilled: false })).toBeUndefined();
  expect(reasonOf({ ...again, versions: 1 })).toBeUndefined();
  expect(reasonOf({ ...again, versions: 1, storeDeleted: true })).toBeDefined();
  expect(reasonOf({ ...again, uploaderKilled: false, ledgerLost: true })).toBeDefined();
});

test("a file that changes under its name, or has a size that its path never had, is half-published", () => {
  const truth = new Truth([]);
  truth.wrote("a", { md5: "bb", size: 9, mtimeNs: 1n }, 0);
  const record = truth.record("a");
  expect(kindOfStrange(seen, { ...seen, size: 9 }, record).kind).toBe("half");
  expect(kindOfStrange(seen, seen, record).kind).toBe("half");
});

test("a file of the right size with other bytes or another time, or of an unknown name, is corrupt", () => {
  const truth = new Truth([]);
  truth.wrote("a", { md5: "bb", size: 5, mtimeNs: 1n }, 0);
  const record = truth.record("a");
  expect(kindOfStrange(seen, seen, record).kind).toBe("corrupt");
  const late = { md5: "bb", size: 5, mtimeNs: 7n };
  expect(kindOfStrange(late, late, record)).toMatchObject({
    kind: "corrupt",
    why: expect.stringContaining("time"),
  });
  expect(kindOfStrange(seen, seen, undefined).kind).toBe("corrupt");
});
