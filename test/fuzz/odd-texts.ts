/** Texts that programs stumble over, and changes that make a good text bad. */
import type { Random } from "../support/random.ts";
import { textsAtLimits } from "./within-limits.ts";

export const oddTexts: readonly string[] = [
  "",
  " ",
  ".",
  "..",
  "../x",
  "a/../../x",
  "/etc/passwd",
  "a//b",
  "a/",
  "./a",
  ".streamsend",
  ".STREAMSEND/partial",
  ".StreamSend",
  "a/.streamsend/store",
  "%2e%2e/x",
  "%2E%2E%2Fx",
  "a%2Fb",
  "%2F",
  "%00",
  "a%00b",
  "%",
  "%4",
  "%zz",
  "%25%32%65",
  "%C3%28",
  "%ED%A0%80",
  "\0",
  "a\0b",
  "\n",
  "\r\n\t\x1b[2J\x7f",
  "\u202eexe.txt",
  "\ufeffbom",
  "e\u0301",
  "\u00e9",
  "\ud800",
  "\udfff\ud800",
  "😀",
  "CON",
  "a:b",
  'a"b\\c',
  "n".repeat(255),
  "n".repeat(256),
  "é".repeat(128),
  `${"d/".repeat(2000)}f`,
  "%41".repeat(255),
  "%41".repeat(256),
  "0",
  "00",
  "+1",
  "-1",
  "1.5",
  "1e3",
  "0x10",
  "9007199254740991",
  "9007199254740992",
  "18446744073709551616",
  "9".repeat(400),
  "NaN",
  "Infinity",
  "null",
  "true",
  "[]",
  "{}",
  "__proto__",
  "constructor",
  "toString",
  "md5:",
  "sha256:",
  "1/1",
  "1/0",
  "t 0@0",
  "t 0@0 0@0",
  "t @",
];

/** A path or a part of one: harmless, odd, or put together from both. */
export function anyPath(random: Random): string {
  const segment = () =>
    random.below(3) > 0 ? random.pick(["a", "b.txt", "ü", "dir", "%FF", "%20"]) : random.pick(oddTexts);
  return random.list(1 + random.below(4), segment).join("/");
}

/** The text with one change: cut, doubled, something odd put in, a character replaced. */
export function mutated(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + random.below(8));
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + text.slice(to);
    case 1:
      return text.slice(0, to) + text.slice(at);
    case 2:
      return text.slice(0, at) + random.pick(oddTexts) + text.slice(at);
    case 3:
      return text.slice(0, at) + String.fromCharCode(random.below(0x10000)) + text.slice(at + 1);
    case 4:
      return text.slice(0, at) + String.fromCharCode(random.below(0x80)) + text.slice(at + 1);
    default:
      // The long ones rarely: most of the time would be theirs.
      return random.pick(random.below(20) === 0 ? textsAtLimits : oddTexts);
  }
}

/** The bytes with one change. */
export function mutatedBytes(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  switch (random.below(4)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(4)), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes, bytes.subarray(at)]);
    default: {
      const changed = Buffer.from(bytes);
      if (changed.length > 0) changed[at % changed.length] = random.below(256);
      return changed;
    }
  }
}
