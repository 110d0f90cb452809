import { expect, test } from "bun:test";
import { type Measured, UnfinishedVersions } from "../../../../agent/downloader/place/unfinished-versions.ts";

const version = (uploader: string, path: string, more: Partial<Measured> = {}): Measured => ({
  id: { uploader, path, version: 1 },
  complete: false,
  placedBytes: 1000,
  memoryBytes: 10,
  placedAtMs: 0,
  ...more,
});

/** Begins them in this order; gives the names of what was put aside. */
function begin(versions: UnfinishedVersions<Measured>, ...begun: Measured[]): string[] {
  return begun.flatMap((one) => {
    versions.set(one);
    return versions.putAside(one).map(({ id }) => `${id.uploader}/${id.path}`);
  });
}

const many = (uploader: string, count: number) =>
  Array.from({ length: count }, (_, at) => version(uploader, `${at}`, { placedAtMs: at }));

test("as long as all fit nothing is put aside", () => {
  const versions = new UnfinishedVersions<Measured>(1000);
  expect(begin(versions, ...many("a", 100))).toEqual([]);
  expect(versions.count).toBe(100);
});

test("what takes more than there is room for is bounded, whoever begins it", () => {
  const versions = new UnfinishedVersions<Measured>(1000);
  for (let at = 0; at < 10_000; at++) {
    begin(versions, version(`uploader-${at % 777}`, `${at}`, { placedAtMs: at }));
    expect(versions.count).toBeLessThanOrEqual(100);
  }
});

test("who has begun the most loses the oldest, and nobody else loses any", () => {
  const versions = new UnfinishedVersions<Measured>(1000);
  begin(versions, version("shop", "video"), ...many("quiet", 5));
  const aside = begin(versions, ...many("loud", 200));
  expect(aside.length).toBeGreaterThan(100);
  expect(aside.every((name) => name.startsWith("loud/"))).toBe(true);
  expect(aside.slice(0, 3)).toEqual(["loud/0", "loud/1", "loud/2"]);
  expect(versions.get("shop/video")).toBeDefined();
});

test("of many with one each that goes which was idle longest and has come to little", () => {
  const versions = new UnfinishedVersions<Measured>(1000);
  begin(versions, version("large", "video", { placedBytes: 5 << 20 }));
  const others = Array.from({ length: 150 }, (_, at) => version(`u${at}`, "a", { placedAtMs: at }));
  const aside = begin(versions, ...others);
  expect(aside.slice(0, 2)).toEqual(["u0/a", "u1/a"]);
  expect(versions.get("large/video")).toBeDefined();
});

test("what is whole stays, and so does what has just begun", () => {
  const versions = new UnfinishedVersions<Measured>(100);
  const whole = Array.from({ length: 20 }, (_, at) => version("a", `whole-${at}`, { complete: true }));
  expect(begin(versions, ...whole)).toEqual([]);
  expect(begin(versions, version("a", "new"))).toEqual([]);
  expect(begin(versions, version("a", "newer"))).toEqual(["a/new"]);
});

test("what a version takes may grow while it is put together", () => {
  const versions = new UnfinishedVersions<Measured>(1000);
  const growing = { ...version("a", "grows") };
  const grow = { ...growing, memoryBytes: 995 };
  begin(versions, growing, ...many("b", 10));
  Object.assign(growing, grow);
  versions.changed(growing);
  expect(begin(versions, version("c", "new"))).toContain("a/grows");
  versions.delete("b/0");
  versions.changed(version("b", "0"));
  expect(versions.get("b/0")).toBeUndefined();
});
