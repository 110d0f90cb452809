/** Who sends under one name. */
import { expect, test } from "bun:test";
import { NamesBeside } from "../../../agent/ledger/group/names-beside.ts";
import { filedKey, filedUnder, nameBeside } from "../../../agent/wire/filed-under.ts";

const [one, other] = [nameBeside("till", 0), nameBeside("till", 4711)];

test("a file is the same for all who send under a name", () => {
  expect([filedUnder("till"), filedUnder(one)]).toEqual(["till", "till"]);
  expect(filedKey({ uploader: one, path: "a~b/c" })).toBe("till/a~b/c");
});

test("the others of a name are known, until they are forgotten", () => {
  const names = new NamesBeside();
  for (const name of ["till", one, other, "tablet"]) names.add(name);
  expect(names.of("till")).toEqual([one, other]);
  expect(names.of(one)).toEqual(["till", other]);
  expect(names.of("tablet")).toEqual([]);
  names.remove(other);
  expect(names.of("till")).toEqual([one]);
  names.remove(one);
  expect(names.of("till")).toEqual([]);
});
