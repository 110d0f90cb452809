/** Versions as Debian writes them, judged by dpkg. */
import { expect, test } from "bun:test";
import { debianVersion } from "../../scripts/package-parts/version.ts";
import { run } from "../support/compare.ts";

test("what comes before a release sorts before it, and behind the one before", async () => {
  const versions = [
    "0.1.0",
    "0.2.0-alpha.1",
    "0.2.0-rc.1",
    "0.2.0-rc.2",
    "0.2.0-rc.10",
    "0.2.0",
    "0.10.0",
  ].map(debianVersion);
  expect(versions[2]).toBe("0.2.0~rc1");
  for (const [index, version] of versions.slice(1).entries()) {
    const { code } = await run(["dpkg", "--compare-versions", versions[index] ?? "", "lt", version]);
    expect([versions[index], version, code]).toEqual([versions[index], version, 0]);
  }
});

test("a version that has no place in that order is refused", () => {
  for (const version of ["0.2", "0.2.0-1", "0.2.0-rc.1.2", "0.2.0+build"])
    expect(() => debianVersion(version)).toThrow(version);
});
