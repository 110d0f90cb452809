/** Whatever comes as a record of the chunk topic is answered, and what is taken for a chunk is one by every rule. */
import { expect, test } from "bun:test";
import {
  type Chunk,
  type Decoded,
  decodeRecord,
  encodeAbandoned,
  encodeChunk,
  isUploaderName,
} from "../../agent/wire/chunk.ts";
import type { Headers } from "../../agent/wire/headers.ts";
import { crc32 } from "../../agent/wire/numbers.ts";
import { pathProblem, pathToBytes, pathToText } from "../../agent/wire/path.ts";
import type { Random } from "../support/random.ts";
import { fuzz, isWhole } from "./inputs.ts";
import { assertInside } from "./inside.ts";
import { anyPath, mutated, mutatedBytes, oddTexts } from "./odd-texts.ts";
import { assertWithinLimits } from "./within-limits.ts";

/** Headers that may come once, docs/protocol.md. */
const ours = new Set(
  "streamsend uploader path version offset size mtime crc32 chunk from checksum last attributes abandoned".split(
    " ",
  ),
);
const kinds = ["abandoned", "broken", "chunk", "corrupt", "foreign", "newer", "refused"];

test("records", () => {
  const seen = new Set<string>();
  fuzz("records", 480, (random) => {
    const { headers, value } = record(random);
    const decoded = decodeRecord(headers, value);
    if (!kinds.includes(decoded.kind)) throw new Error(`a record of kind ${decoded.kind}`);
    check(decoded, headers ?? [], value ?? Buffer.alloc(0));
    seen.add(decoded.kind);
  });
  // A fuzz that never gets past the first check tries nothing.
  if (isWhole) expect([...seen].sort()).toEqual(kinds);
});

function check(decoded: Decoded, headers: Headers, value: Buffer): void {
  assertWithinLimits(decoded);
  if (decoded.kind !== "chunk" && decoded.kind !== "corrupt" && decoded.kind !== "abandoned") return;
  const names = headers.flatMap((header) => Object.keys(header)).filter((name) => ours.has(name));
  must(new Set(names).size === names.length, "set of headers");
  const { uploader, path, version } = decoded;
  must(isUploaderName(uploader) && Number.isSafeInteger(version) && version >= 0, "name and version");
  must(pathProblem(path) === undefined && pathToText(pathToBytes(path)) === path, "path");
  assertInside(decoded);
  if (decoded.kind === "abandoned") return;
  must(Number.isSafeInteger(decoded.size) && decoded.offset >= 0, "size and offset");
  must(decoded.offset + value.length <= decoded.size, "offset and size");
  if (decoded.kind === "corrupt") return;
  must(decoded.value.equals(value) && (value.length > 0 || decoded.size === 0), "value");
  const again = decodeRecord(encodeChunk(decoded), decoded.value);
  must(Bun.deepEquals(again, decoded), "written and read again");
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`a chunk with a wrong ${what}`);
}

function record(random: Random): { headers: Headers | undefined; value: Buffer | null } {
  const { headers, value } = goodRecord(random);
  const fields = headers.map((header) => ({ ...header }));
  const changes = random.below(4);
  for (let change = 0; change < changes; change++) changeHeaders(random, fields);
  const odd = random.below(20);
  return {
    headers: odd === 0 ? undefined : fields,
    value: odd === 1 ? null : odd === 2 ? mutatedBytes(random, value) : value,
  };
}

function goodRecord(random: Random): { headers: Headers; value: Buffer } {
  const id = {
    uploader: random.pick(["u", "pos-0042", "A.b_c", "9"]),
    path: random.below(3) === 0 ? anyPath(random) : random.pick(["a", "dir/a.txt", "ü/%FF", ".hidden/x"]),
    version: random.pick([0, 1, 1_744_741_849_202_123, Number.MAX_SAFE_INTEGER]),
  };
  if (random.below(12) === 0) {
    return { headers: encodeAbandoned(id, random.pick(oddTexts)), value: Buffer.alloc(0) };
  }
  const value = random.bytes(random.below(20));
  const before = value.length === 0 ? 0 : random.pick([0, 0, 5, 2 ** 40]);
  const behind = value.length === 0 ? 0 : random.pick([0, 0, 7]);
  const chunk: Chunk = {
    kind: "chunk",
    ...id,
    offset: before,
    size: before + value.length + behind,
    mtime: random.pick([0n, -1n, 1_744_741_849_202_123_456n, -(10n ** 18n)]),
    value,
    index: 1 + random.below(3),
    count: 3,
    algorithm: random.pick(["md5", "sha256"] as const),
  };
  if (before + behind > 0)
    chunk.from = { topic: "n8XqQ1tHQbGqGL8hUaTcAw", offsets: [{ partition: 0, offset: 9 }] };
  if (behind === 0)
    chunk.checksum = chunk.algorithm === "md5" ? `md5:${"0f".repeat(16)}` : `sha256:${"0f".repeat(32)}`;
  if (behind === 0 && random.below(3) === 0) chunk.attributes = anyAttributes(random);
  return { headers: encodeChunk(chunk), value };
}

/** Mostly good ones. */
function anyAttributes(random: Random): Record<string, string> {
  const pairs = random.list(random.below(18), () => [
    random.pick(["a", "store.id", "region_2", "n".repeat(64), "__proto__", `k${random.below(20)}`, "A"]),
    random.below(6) === 0
      ? random.pick(oddTexts)
      : random.pick(["", "0042", "é".repeat(128), "x".repeat(256)]),
  ]);
  return Object.fromEntries(pairs);
}

type Fields = Record<string, string | Buffer>[];

function changeHeaders(random: Random, fields: Fields): void {
  const at = random.below(fields.length + 1);
  const field = fields[at];
  const [name = "x", value = ""] = Object.entries(field ?? {})[0] ?? [];
  const otherValue = () => mutated(random, String(value));
  switch (random.below(10)) {
    case 0:
      fields.splice(at, 1);
      return;
    case 1:
      if (field) fields.splice(random.below(fields.length), 0, { ...field });
      return;
    case 2:
      fields.splice(at, 0, {
        [random.pick(["!new", "other", "__proto__", "from", "last", "attributes", "abandoned"])]:
          otherValue(),
      });
      return;
    case 3:
      if (field) fields[at] = { [mutated(random, name)]: value };
      return;
    case 4:
      if (field) fields[at] = { [name]: mutatedBytes(random, Buffer.from(value)) };
      return;
    case 5:
      if (field) fields[at] = { [name]: Buffer.from(value) };
      return;
    case 6:
      if (name === "path") fields[at] = { path: anyPath(random) };
      return;
    case 7:
      if (name === "crc32") fields[at] = { crc32: crc32(random.bytes(3)) };
      return;
    default:
      if (field) fields[at] = { [name]: otherValue() };
  }
}
