import { expect, test } from "bun:test";
import { Requests } from "../../../agent/ledger/requests.ts";

function filled(): Requests {
  const requests = new Requests();
  requests.put("a", "hub", { version: 7, ranges: [[0, 10]], offset: 100 });
  requests.put("a", "mirror", { version: 7, ranges: [[5, 20]], offset: 101 });
  requests.put("a", "late", { version: 6, ranges: [[0, 99]], offset: 102 });
  return requests;
}

test("what groups ask for of one version is one request", () => {
  expect(filled().of("a", 7)).toEqual({
    path: "a",
    version: 7,
    groups: ["hub", "mirror"],
    ranges: [[0, 20]],
    offset: 101,
  });
  expect(filled().of("a", 8)).toBeUndefined();
  expect(filled().of("b", 7)).toBeUndefined();
});

test("what was asked after the answer began is left to do", () => {
  const requests = filled();
  requests.settle("a", 7, 100);
  expect(requests.of("a", 7)).toMatchObject({ groups: ["mirror"], ranges: [[5, 20]] });
  expect(requests.of("a", 6)).toBeUndefined();
  requests.settle("a", 7, 101);
  expect([...requests.paths()]).toEqual([]);
});

test("a group takes back what it asked for, not what others ask for, nor what it asks for now", () => {
  const requests = filled();
  requests.takeBack("a", "hub", 7);
  requests.takeBack("a", "mirror", 6);
  requests.takeBack("a", "nobody", 7);
  expect(requests.of("a", 7)?.groups).toEqual(["mirror"]);
});

test("a hundred thousand are remembered, and room is made as they are settled", () => {
  const requests = new Requests();
  const asked = { version: 1, ranges: [[0, 1]] as [number, number][], offset: 0 };
  for (let path = 0; path < 100_000; path++) expect(requests.put(String(path), "hub", asked)).toBe(true);
  expect(requests.put("one more", "hub", asked)).toBe(false);
  expect(requests.put("0", "hub", asked)).toBe(true);
  requests.settle("0", 1, 0);
  expect(requests.put("one more", "hub", asked)).toBe(true);
});
