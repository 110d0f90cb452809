import { expect, test } from "bun:test";
import { nameDigest, nameHash } from "../../../agent/lib/name-hash.ts";

test("names that meet under a quick hash do not meet under these", () => {
  const dashes = "-".repeat(16);
  const one = `till/in/kxCFxOpi${dashes}--------iRM_In0U${dashes}`;
  const other = `till/in/p9P0X_T4${dashes}--------kg-odaej${dashes}`;
  expect(Bun.hash.xxHash64(one)).toBe(Bun.hash.xxHash64(other));
  expect(nameDigest(one)).not.toBe(nameDigest(other));
  expect(nameHash(one)).not.toEqual(nameHash(other));
});

test("the digest of a name is the beginning of its SHA-256, in every process", () => {
  expect(nameDigest("pos-0042/dir/a.txt")).toMatch(/^[0-9a-f]{32}$/);
  expect(nameDigest("abc")).toBe("ba7816bf8f01cfea414140de5dae2223");
});

test("the halves of a hash are whole numbers of 53 bits, the same for the same name", () => {
  for (let at = 0; at < 1000; at++) {
    const halves = nameHash(`till/${at}`);
    expect(halves.every((half) => Number.isSafeInteger(half) && half >= 0)).toBe(true);
    expect(nameHash(`till/${at}`)).toEqual(halves);
  }
});

test("of a name that is asked for again and again nothing is left behind, and others have their own", () => {
  const hash = nameHash("till/a");
  expect(nameHash(["till", "a"].join("/"))).toBe(hash);
  expect(nameHash("till/b")).not.toEqual(hash);
  expect(nameHash("till/a")).toEqual(hash);
});
