import { expect, test } from "bun:test";
import { PathKey } from "../../../../agent/ledger/uploader/path-key.ts";
import { PathTable } from "../../../../agent/ledger/uploader/path-table.ts";
import { limits } from "../../../../agent/wire/limits.ts";
import { Random } from "../../../support/random.ts";

test("whatever comes and goes, it has the same paths as a map, each by its own number", () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed);
    const table = new PathTable();
    const model = new Map<string, number>();
    const key = new PathKey();
    // Some are long, so that many pages come and go.
    const pathOf = (number: number) =>
      `folder ${number % 7}/${"ä".repeat(number % 50 === 0 ? 1900 : 3)}${number}`;
    for (let step = 0; step < 5000; step++) {
      const path = pathOf(random.below(3000));
      const known = model.get(path);
      expect(table.find(path), `seed ${seed}, step ${step}`).toBe(known as number);
      expect(table.find(key.set(path))).toBe(known as number);
      // First more come than go, then the other way round.
      if (random.below(4) < (step < 3000 ? 3 : 1)) {
        const number = table.add(path);
        expect([...model.values()].includes(number)).toBe(known === number);
        model.set(path, number);
      } else if (known !== undefined) {
        table.remove(known);
        model.delete(path);
      }
      if (step % 500 !== 0) continue;
      expect([...table.numbers()].map((number) => [table.get(number), number]).sort()).toEqual(
        [...model].sort(),
      );
    }
    expect(table.size).toBe(model.size);
  }
});

test("more paths than there are hashes of their length are each their own: what has another's hash is compared", () => {
  const table = new PathTable();
  const paths = Array.from({ length: 200_000 }, (_, at) => `${at}`);
  const numbers = paths.map((path) => table.add(path));
  expect(new Set(numbers).size).toBe(paths.length);
  expect(paths.every((path, at) => table.find(path) === numbers[at])).toBe(true);
  expect(numbers.every((number, at) => table.get(number) === paths[at])).toBe(true);
  expect(table.find("200000")).toBeUndefined();
});

test("what a path begins with is told, in bytes", () => {
  const table = new PathTable();
  const number = table.add("größe/a");
  for (const start of ["", "g", "größe/", "größe/a"])
    expect(table.startsWith(number, Buffer.from(start))).toBe(true);
  for (const start of ["größe/a/", "größe/b", "b"])
    expect(table.startsWith(number, Buffer.from(start))).toBe(false);
});

test("a name behind a folder is the path of both, unless its bytes are no text, or it is too long", () => {
  const table = new PathTable();
  const number = table.add("watch/folder/name");
  const key = new PathKey();
  key.setFolder("watch/folder/");
  const put = (name: string) => key.setName(Buffer.from(`--${name}`), 2, Buffer.byteLength(name));
  expect([put("other, and longer"), table.find(key)]).toEqual([true, undefined]);
  expect([put("name"), table.find(key), key.text]).toEqual([true, number, "watch/folder/name"]);
  for (const name of ["größe", "a%b", "a\nb", "a\x7f"]) expect(put(name)).toBe(false);
  key.set("watch/folder/größe");
  expect(put("name")).toBe(false);
  key.setFolder("f".repeat(limits.pathText - 3));
  expect([put("abc"), put("abcd")]).toEqual([true, false]);
  key.setFolder("f".repeat(limits.pathText + 1));
  expect(put("")).toBe(false);
});

test("what is longer than any path is nowhere, and has no place", () => {
  const table = new PathTable();
  const longest = "%FF".repeat(limits.pathText / 3);
  expect(table.get(table.add(longest))).toBe(longest);
  for (const path of [`${longest}a`, "ä".repeat(limits.pathText)]) {
    expect(table.find(path)).toBeUndefined();
    expect(() => table.add(path)).toThrow(RangeError);
  }
});
