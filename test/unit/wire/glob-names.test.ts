import { describe, expect, test } from "bun:test";
import { pathToGlobName, pathToText } from "../../../agent/wire/path.ts";
import { Random } from "../../support/random.ts";

const matches = (glob: string, path: Buffer) => new Bun.Glob(glob).match(pathToGlobName(pathToText(path)));

describe("a glob sees a name as people do", () => {
  test.each([
    ["*%off*", "50%off.txt", true],
    ["*%25*", "50%off.txt", false],
    ["a%20b", "a%20b", true],
    ["a?b", "a\nb", true],
    ["a\nb", "a\nb", true],
    ["*%0A*", "a\nb", false],
    ["**/*", "a/b\n%\x01c", true],
    ["????.txt", "größ.txt", true],
    ["?", "🎬", true],
    ["*.{jpg,png}", "a%.png", true],
    ["[[]x[]]", "[x]", true],
  ] as const)("%j and %j: %p", (glob, name, isMatch) => {
    expect(matches(glob, Buffer.from(name))).toBe(isMatch);
  });

  test("a byte that is no UTF-8 is one character, U+FFFD", () => {
    const name = Buffer.from("caf\xe9-\xff\xfe%.txt", "latin1");
    for (const glob of ["caf?-??%.txt", "caf\ufffd-\ufffd\ufffd%.txt", "*", "caf*%*"])
      expect(matches(glob, name)).toBe(true);
    for (const glob of ["caf%E9*", "caf?-?%.txt", "*é*"]) expect(matches(glob, name)).toBe(false);
  });
});

/** With a backslash before whatever means something in a glob. */
const literally = (name: string) => name.replace(/[\\*?[\]{}!,\-^()|@+]/g, "\\$&");

test("a name with a backslash before each special character matches itself and nothing else", () => {
  const random = new Random(71);
  const letters = [..."ab*?[]{}!,-^\\\n./é🎬%()|+@#~ \x01nt\u202e"];
  const draw = () => Array.from({ length: 1 + random.below(7) }, () => random.pick(letters)).join("");
  for (let round = 0; round < 20_000; round++) {
    const [name, other] = [draw(), draw()];
    expect([name, matches(literally(name), Buffer.from(name))]).toEqual([name, true]);
    if (name !== other)
      expect([name, other, matches(literally(name), Buffer.from(other))]).toEqual([name, other, false]);
    expect([name, matches("**", Buffer.from(name))]).toEqual([name, true]);
  }
});
