import { expect, test } from "bun:test";
import { SpreadVersions } from "../../../../agent/downloader/place/spread-versions.ts";
import type { Sent } from "../../../../agent/ledger/group/outstanding.ts";
import { Troubles } from "../../../../agent/lib/troubles.ts";
import { Observer } from "../../../../agent/observe/observer.ts";
import type { Chunk, VersionId } from "../../../../agent/wire/chunk.ts";
import { HeardLog } from "../../../support/heard-log.ts";

const offsetsOf = (partitions: readonly number[]) =>
  partitions.map((partition) => ({ partition, offset: 0 }));

function chunk(path: string, partitions: readonly number[], topic = "topic"): Chunk {
  return {
    ...{ kind: "chunk", uploader: "till", path, version: 7, offset: 0, size: 9, mtime: 0n },
    ...{ value: Buffer.from("abc"), index: 1, count: 3, algorithm: "md5" },
    from: { topic, offsets: offsetsOf(partitions) },
  };
}

function sent(path: string, partitions: readonly number[]): Sent {
  const places = partitions.map((partition) => ({ partition, from: 0, last: 5 }));
  return {
    ...{ uploader: "till", path, version: 7, size: 9, checksum: "", gone: false, isReplaced: false },
    ...{ topic: "topic", partition: partitions[0] ?? 0, offset: 5, places },
  };
}

/** A member with the partitions 0 and 1. */
function prepare() {
  const positions = new Map([0, 1].map((partition) => [partition, 0]));
  const world = { nowMs: 0, settled: (_: VersionId) => false };
  const lines: string[] = [];
  const log = new HeardLog("test", (line) => lines.push(line));
  const observer = new Observer({
    ...{ role: "downloader", name: "hub", version: "1", host: "hub" },
    troubles: new Troubles(),
  });
  const spread = new SpreadVersions({
    topic: { id: "topic", partitions: 4 },
    positions,
    ledger: { state: { isSettled: (id) => world.settled(id) } },
    reporting: { log, observer, logChunks: false },
    now: () => world.nowMs,
  });
  const paths = () => [...spread.refused()].map(({ id }) => id.path);
  return { spread, positions, world, lines, paths };
}

test("a chunk is taken where its version is in one partition, in those that this member has, or of another topic", () => {
  const { spread, paths } = prepare();
  expect(spread.admits(chunk("one", [5]))).toBe(true);
  expect(spread.admits(chunk("both", [1, 0]))).toBe(true);
  expect(spread.admits(chunk("mirrored", [0, 5], "another"))).toBe(true);
  expect(paths()).toEqual([]);
  expect(spread.reasons()).toEqual([]);
});

test("one that is spread further is refused, said once, and is no reason any more once this member has all", () => {
  const { spread, positions, lines, paths } = prepare();
  for (let again = 0; again < 3; again++) expect(spread.admits(chunk("video", [0, 1, 2]))).toBe(false);
  expect(spread.reasons()[0]).toContain(
    "1 spread file is refused, as this member does not have all partitions: till/video;",
  );
  expect([...spread.refused()][0]?.reason).toBe(
    "it is spread over 3 partitions, and this member has 2 of them",
  );
  expect(new Set(lines).size).toBe(1);
  positions.set(2, 0);
  expect(paths()).toEqual([]);
  expect(spread.admits(chunk("video", [0, 1, 2]))).toBe(true);
});

test("what was sent is refused by whoever has some of it, not by others", () => {
  const { spread, paths } = prepare();
  for (const [path, partitions] of [
    ["some", [1, 2]],
    ["none", [2, 3]],
    ["single", [2]],
  ] as const)
    spread.pass(sent(path, partitions));
  expect(paths()).toEqual(["some"]);
});

test("what names partitions that there are not is not taken, and is no reason: a stranger can write it", () => {
  const { spread, paths } = prepare();
  expect(spread.admits(chunk("video", [0, 1, 4]))).toBe(false);
  expect([spread.count, spread.reasons(), paths()]).toEqual([0, [], []]);
});

test("of thousands that are refused a few are named", () => {
  const { spread } = prepare();
  for (let at = 0; at < 3000; at++) spread.admits(chunk(`${at}${"x".repeat(2000)}`, [0, 2]));
  expect(spread.reasons()[0]).toMatch(/^\d+ spread files are refused, .* and \d+ more; taken once/);
  expect(spread.reasons()[0]?.length).toBeLessThan(3500);
});

test("what is settled, given up, or not heard of any more is refused no longer", () => {
  const { spread, world, paths } = prepare();
  for (const path of ["settled", "given up", "silent"]) spread.admits(chunk(path, [0, 2]));
  spread.pass(sent("sent", [0, 2]));
  world.settled = ({ path }) => path === "settled";
  spread.remove({ uploader: "till", path: "given up", version: 6 });
  spread.removeSettled();
  expect(paths()).toEqual(["given up", "silent", "sent"]);
  spread.remove({ uploader: "till", path: "given up", version: 7 });
  world.nowMs = 60_000;
  spread.removeSettled();
  expect(paths()).toEqual(["silent"]);
  world.nowMs = 3600_000;
  spread.removeSettled();
  expect(paths()).toEqual([]);
});
