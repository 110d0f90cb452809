import { expect, test } from "bun:test";
import { algorithmOf, parseChecksum, RunningChecksum } from "../../../agent/wire/checksum.ts";

const md5 = "5d41402abc4b2a76b9719d911017c592";
const sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

test("a checksum has its kind and its digits, and no other text has any", () => {
  expect(parseChecksum(`md5:${md5}`)).toEqual({ algorithm: "md5", digest: md5 });
  expect(parseChecksum(`sha256:${sha256}`)).toEqual({ algorithm: "sha256", digest: sha256 });
  for (const text of ["", "md5", "md5:", md5, `sha256:${md5}`, `md5:${sha256}`, `md5:${md5}:`, `crc:${md5}`])
    expect(parseChecksum(text)).toBeUndefined();
  expect(parseChecksum(`md5:${md5.toUpperCase()}`)).toBeUndefined();
  expect(parseChecksum(`md5:${md5}\n`)).toBeUndefined();
  expect([algorithmOf(`sha256:${sha256}`), algorithmOf(`md5:${md5}`), algorithmOf(undefined)]).toEqual([
    "sha256",
    "md5",
    "md5",
  ]);
});

test("a running checksum is that of what has come until now, in whichever parts", () => {
  const running = new RunningChecksum("md5");
  running.update(Buffer.from("he"));
  const before = running.value;
  running.update(Buffer.from("llo"));
  expect([running.value, running.value]).toEqual([`md5:${md5}`, `md5:${md5}`]);
  expect(before).not.toBe(running.value);
  const other = new RunningChecksum("sha256");
  other.update(Buffer.from("hello"));
  expect(other.value).toBe(`sha256:${sha256}`);
});
