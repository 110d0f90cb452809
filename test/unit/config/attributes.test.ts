/** `uploader.watch[].attributes`: pairs with names that are free, from each source, and what is wrong with them. */
import { expect, test } from "bun:test";
import { limits } from "../../../agent/wire/limits.ts";
import { type Given, loadUploader, problemsOf } from "./loading.ts";

const key = "uploader.watch.0.attributes";
const variable = "STREAMSEND_UPLOADER_WATCH_0_ATTRIBUTES";

const attributesOf = async (attributes: string, given?: Given) =>
  (await loadUploader(`uploader: {watch: [{path: /w, attributes: ${attributes}}]}`, given)).watch[0]
    ?.attributes;
const wrongWith = (attributes: string, given?: Given) =>
  problemsOf(`role: uploader\nuploader: {watch: [{path: /w, attributes: ${attributes}}]}`, given);

test("they are texts, whatever they look like, with dots and underscores in their names", async () => {
  expect(await attributesOf("{store: 0042, open: true, a.b_c-d: '', none: 'null'}")).toEqual({
    store: "0042",
    open: "true",
    "a.b_c-d": "",
    none: "null",
  });
  expect(await attributesOf("{}")).toEqual({});
});

test("variables and --set change single ones, and give all of them", async () => {
  const environment = { [`${variable}_STORE_ID`]: "7", [`${variable}_REGION`]: "north" };
  const set = [`${key}.region=south`, `${key}.a.b=c`];
  expect(await attributesOf("{store_id: 1, kind: receipts}", { environment, set })).toEqual({
    store_id: "7",
    kind: "receipts",
    region: "south",
    "a.b": "c",
  });
  expect(await attributesOf("{}", { environment: { [variable]: "{store: 0042}" } })).toEqual({
    store: "0042",
  });
  expect(await attributesOf("{}", { set: [`${key}={store: 0042, a.b: c}`] })).toEqual({
    store: "0042",
    "a.b": "c",
  });
});

test("what is wrong with them is said, one line each, all at once", async () => {
  const long = "x".repeat(limits.attributeValue + 1);
  const set = [`${key}.a.b=${long}`];
  const environment = { [`${variable}_STORE_ID`]: long };
  const given = `{Store: 7, "a b": 7, ok: yes, ${"n".repeat(65)}: 7, half: "\\ud83c", list: [1], é: 1}`;
  const problems = await wrongWith(given, { set, environment });
  const named = "must be named with 1 to 64 small letters, digits, dots, underscores or hyphens";
  const wanted = [
    [`${key}.Store`, named],
    [`${key}.a b`, named],
    [`${key}.${"n".repeat(65)}`, named],
    [`${key}.é`, named],
    [`${key}.list`, "must be one value, not a list"],
    [`${key}.half`, "must not have half a character"],
    [`${key}.store_id`, "must be at most 256 bytes"],
    [`${key}.a.b`, "must be at most 256 bytes"],
  ] as const;
  expect(problems).toHaveLength(wanted.length);
  for (const [path, what] of wanted)
    expect(problems).toContainEqual(
      expect.stringMatching(new RegExp(`^${RegExp.escape(`${path}: ${what}`)}`)),
    );
});

test("a value is measured in bytes, and may have as many as the records take", async () => {
  const fits = "é".repeat(limits.attributeValue / 2);
  expect(await attributesOf(`{a: ${fits}}`)).toEqual({ a: fits });
  expect(await wrongWith(`{a: ${fits}x}`)).toEqual([
    expect.stringContaining(`${key}.a: must be at most 256 bytes`),
  ]);
  expect(await wrongWith("{__proto__: 7}")).toEqual([
    expect.stringContaining(`${key}.__proto__: is no name`),
  ]);
});

test("there are 16 pairs at most, of the longest names and values, unless JSON makes much more of them", async () => {
  const pairs = (count: number, value: string) =>
    JSON.stringify(
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`${at}`.padEnd(64, "n"), value])),
    );
  expect(Object.keys((await attributesOf(pairs(16, "v".repeat(256)))) ?? {})).toHaveLength(16);
  expect(await wrongWith(pairs(17, "v"))).toEqual([`${key}: must be at most 16 pairs`]);
  expect(await wrongWith(pairs(16, '"'.repeat(256)))).toEqual([
    `${key}: must be at most 6000 bytes together, written as JSON`,
  ]);
});
