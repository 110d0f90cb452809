import { describe, expect, test } from "bun:test";
import {
  canonicalPath,
  pathProblem,
  pathToBytes,
  pathToDisplay,
  pathToNative,
  pathToText,
  versionedPath,
} from "../../../agent/wire/path.ts";
import { Random } from "../../support/random.ts";

const latin = (text: string) => Buffer.from(text, "latin1");
const utf8 = (text: string) => Buffer.from(text, "utf8");

/** [what, bytes, text]; the first three are the specification's examples. */
const spellings: [string, Buffer, string][] = [
  ["a percent sign", utf8("café 100%.txt"), "café 100%25.txt"],
  ["a line break", utf8("line\nbreak"), "line%0Abreak"],
  ["Latin-1, no UTF-8", latin("caf\xe9.txt"), "caf%E9.txt"],
  ["plain ASCII", utf8("dir/a b'\"\\~.txt"), "dir/a b'\"\\~.txt"],
  ["what looks escaped already", utf8("a%2Fb"), "a%252Fb"],
  ["all control characters' ends", latin("\x00\x1f\x20\x7e\x7f"), "%00%1F ~%7F"],
  ["C1 controls, which are letters as far as UTF-8 goes", utf8("a\u0085b"), "a\u0085b"],
  ["emoji", utf8("🎬/👩‍💻.mp4"), "🎬/👩‍💻.mp4"],
  ["a byte order mark", utf8("\ufeffa"), "\ufeffa"],
  ["a replacement character that is really there", utf8("a\ufffdb"), "a\ufffdb"],
  ["valid and invalid next to each other", latin("\xc3\xa9\xe9%\n\xc3"), "é%E9%25%0A%C3"],
  ["an overlong slash", latin("\xc0\xaf"), "%C0%AF"],
  ["a surrogate", latin("\xed\xa0\x80"), "%ED%A0%80"],
  ["past the last code point", latin("\xf4\x90\x80\x80"), "%F4%90%80%80"],
  ["a sequence that is cut off", latin("\xf0\x9f\x8e"), "%F0%9F%8E"],
  ["nothing", Buffer.alloc(0), ""],
];

describe("a path's bytes become text that gives them back", () => {
  test.each(spellings)("%s", (_, bytes, text) => {
    expect(pathToText(bytes)).toBe(text);
    expect(pathToBytes(text)).toEqual(bytes);
  });

  test("any bytes whatever", () => {
    const random = new Random(1);
    for (let round = 0; round < 3000; round++) {
      const bytes = oddBytes(random);
      const text = pathToText(bytes);
      if (!pathToBytes(text).equals(bytes)) throw new Error(`${bytes.toString("hex")} became ${text}`);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
      expect(text).not.toMatch(/[\x00-\x1f\x7f]|%(?![0-9A-F]{2})/);
      expect(utf8(text).toString("utf8")).toBe(text);
    }
  });
});

test("a reader accepts any byte escaped, in capitals or not", () => {
  expect(pathToBytes("%61%2f%C3%a9")).toEqual(utf8("a/é"));
  expect(pathToText(pathToBytes("%61%2f%C3%a9"))).toBe("a/é");
});

test.each(["%", "a%4", "%zz", "%%41", "%4g"])("text that escapes no byte is refused: %p", (text) => {
  expect(() => pathToBytes(text)).toThrow(RangeError);
});

test("the file system gets text where the name is UTF-8, bytes where it is not", () => {
  for (const [, bytes, text] of spellings) {
    const native = pathToNative(text);
    expect(typeof native === "string" ? utf8(native) : native).toEqual(bytes);
    expect(typeof native).toBe(bytes.equals(utf8(bytes.toString("utf8"))) ? "string" : "object");
  }
});

describe("no file may have a path that", () => {
  test.each<[string, string, string]>([
    ["is empty", "", "is empty"],
    ["is absolute", "/a", "absolute"],
    ["ends in a slash", "a/", "empty segment"],
    ["has an empty segment", "a//b", "empty segment"],
    ["has a dot as a segment", "a/./b", '"."'],
    ["goes up", "a/../b", '".."'],
    ["goes up in escapes", "a/%2e%2E/b", '".."'],
    ["has an escaped slash that makes an empty segment", "a%2F/b", "empty segment"],
    ["contains NUL", "a%00", "NUL"],
    ["leads into .streamsend", ".streamsend/a", ".streamsend"],
    ["leads into .streamsend further in, in another case", "a/.STREAMsend", ".streamsend"],
    ["has a segment of 256 bytes", `a/${"ü".repeat(128)}`, "segment longer than 255"],
    ["has 4,001 bytes", `${"a/".repeat(2000)}b`, "longer than 4000"],
  ])("%s", (_, text, problem) => {
    expect(pathProblem(text)).toContain(problem);
  });

  test.each([
    "a",
    "...",
    "..a/b..",
    ".hidden",
    ".streamsend2/a",
    "streamsend",
    `${"x".repeat(255)}/y`,
    `${"a/".repeat(1999)}ab`,
    "%0A",
    "%E9",
  ])("and this one is none: %p", (text) => {
    expect(pathProblem(text)).toBeUndefined();
  });
});

test("in a log line control characters and bytes that are no UTF-8 are seen as \\xNN", () => {
  expect(pathToDisplay("line%0Abreak 100%25 caf%E9 é.txt")).toBe("line\\x0abreak 100% caf\\xe9 é.txt");
});

/** Bytes that are often nearly UTF-8. */
function oddBytes(random: Random): Buffer {
  const pieces = [
    () => random.bytes(1 + random.below(4)),
    () => utf8(random.pick(["é", "🎬", "\ufeff", "a/b", "%41", "%", "\n", "日本"])),
    () => utf8(random.pick(["é", "🎬", "日"])).subarray(1),
  ];
  return Buffer.concat(random.list(random.below(8), () => random.pick(pieces)()));
}

test.each([
  ["a.txt", "a.~7~.txt"],
  ["deep/er/a.tar.gz", "deep/er/a.tar.~7~.gz"],
  ["folder.d/name", "folder.d/name.~7~"],
  [".hidden", ".hidden.~7~"],
  ["ends.", "ends.~7~."],
  ["caf%E9.txt", "caf%E9.~7~.txt"],
])("%s has the second name %s", (path, versioned) => {
  expect(versionedPath(path, 7)).toBe(versioned);
});

test("a second name is never too long: the stem ends sooner, between two characters, and keeps the extension", () => {
  const bytes = (path: string) => pathToBytes(path.slice(path.lastIndexOf("/") + 1)).length;
  const stems = ["a", "é", "日本", "🎬", "%E9", "%25", "e\u0301"];
  for (const stem of stems)
    for (const ext of ["", ".txt", ".日本"]) {
      for (let count = 1; bytes(stem.repeat(count) + ext) <= 255; count++) {
        const path = `folder/${stem.repeat(count)}${ext}`;
        const second = versionedPath(path, 1_700_000_000_000_000);
        expect(second).toEndWith(`.~1700000000000000~${ext}`);
        expect(bytes(second)).toBeLessThanOrEqual(255);
        expect(pathProblem(second)).toBeUndefined();
        expect(pathToText(pathToBytes(second))).toBe(second);
        expect(path).toStartWith(second.slice(0, second.indexOf(".~")));
      }
    }
  expect(versionedPath(`${"a".repeat(236)}.txt`, 1_700_000_000_000_000)).toHaveLength(255);
});

test("what is all extension is shortened as a name without one", () => {
  const second = versionedPath(`a.${"b".repeat(250)}`, 1_700_000_000_000_000);
  expect(second).toHaveLength(255);
  expect(second).toEndWith("b.~1700000000000000~");
});

test("a second name can be asked to be as short as a file system wants", () => {
  const path = `${"a".repeat(139)}.txt`;
  expect(versionedPath(path, 1_700_000_000_000_000, 143)).toBe(`${"a".repeat(120)}.~1700000000000000~.txt`);
});

test("what is quickly taken for canonical is what the whole of the rules gives", () => {
  const random = new Random(7);
  const parts = [
    "a",
    "b.c",
    ".",
    "..",
    "/",
    "//",
    " ",
    "~",
    "%41",
    "%25",
    "%",
    "é",
    "\n",
    ".streamsend",
    ".STREAMSEND",
    "-",
  ];
  const segments = ["s".repeat(255), "s".repeat(256), "x/".repeat(1990)];
  const whole = (text: string) => {
    const path = pathToText(pathToBytes(text));
    const problem = pathProblem(path);
    if (problem !== undefined) throw new RangeError(problem);
    return path;
  };
  const told = (tell: () => string) => {
    try {
      return tell();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return "refused";
    }
  };
  let taken = 0;
  for (let round = 0; round < 20_000; round++) {
    const all = random.below(20) === 0 ? [...parts, ...segments] : parts;
    const text = Array.from({ length: random.below(6) }, () => all[random.below(all.length)]).join("");
    const canonical = told(() => canonicalPath(text));
    expect(canonical, JSON.stringify(text)).toBe(told(() => whole(text)));
    if (canonical !== "refused") taken++;
  }
  expect(taken).toBeGreaterThan(4000);
});
