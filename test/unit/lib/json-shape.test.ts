import { expect, test } from "bun:test";
import {
  count,
  fields,
  list,
  mapOf,
  oneOf,
  pair,
  type Shape,
  ShapeError,
  text,
} from "../../../agent/lib/json-shape.ts";

const person = fields({ name: text, state: oneOf("in", "out") }, { age: count });

test("what has the shape comes back, without the fields that nobody asked for", () => {
  expect(person({ state: "in", more: 1, name: "a", age: 3 })).toEqual({ name: "a", state: "in", age: 3 });
  expect(Object.keys(person({ name: "a", state: "out" }))).toEqual(["name", "state"]);
  expect(list(pair(count))([[1, 2], [3, 4]])).toEqual([[1, 2], [3, 4]]); // biome-ignore format: one line
  expect(mapOf(count)({ "0": 5 })).toEqual({ "0": 5 });
});

const refused: [string, Shape<unknown>, unknown][] = [
  ["a field that is missing", person, { name: "a" }],
  ["a field of another type", person, { name: 1, state: "in" }],
  ["an optional field that is null", person, { name: "a", state: "in", age: null }],
  ["another word", person, { name: "a", state: "IN" }],
  ["what only objects inherit", fields({ toString: text }), {}],
  ["null for an object", person, null],
  ["a list for an object", mapOf(count), []],
  ["an object for a list", list(text), { length: 0 }],
  ["a list that is no pair", pair(count), [1, 2, 3]],
  ["a fraction", count, 1.5],
  ["a negative count", count, -1],
  ["a count that is not exact", count, 2 ** 53],
];

test.each(refused)("%s is refused", (_, shape, value) => {
  expect(() => shape(value)).toThrow(ShapeError);
});

test("an object of more fields than may be is refused before a list is made of them", () => {
  const made = () => {
    throw new Error("a list was made");
  };
  const large = Object.defineProperty({ a: 1, b: 1, c: 1 }, "a", { get: made, enumerable: true });
  expect(() => mapOf(count, () => true, 2)(large)).toThrow(ShapeError);
  expect(mapOf(count, () => true, 2)({ a: 1, b: 2 })).toEqual({ a: 1, b: 2 });
});
