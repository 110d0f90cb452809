import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rootKey } from "../../../agent/config/keys.ts";
import { Problems } from "../../../agent/config/problems.ts";
import { jsonSchema } from "../../../agent/config/schema.ts";
import { toTyped } from "../../../agent/config/typed.ts";
import { readYaml } from "../../../agent/config/yaml-text.ts";
import { load } from "./loading.ts";

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
}

const root = join(import.meta.dir, "../../..");
const example = readFileSync(join(root, "config.example.yaml"), "utf8");
/** With every `#key:` setting, and every `#-` item, in use. */
const whole = example.replaceAll(/^(\s*)#(?=(- )?(\{ )?[a-z0-9_]+:)/gm, "$1");

/** In sections that are not there unless somebody adds them. */
const optional = new Set<string>();

/** Values by key; `watch[]` is a watch's section. */
function schemaKeys(node: Node, path = "", isOptional = false): [string, Node][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]): [string, Node][] => {
    const key = path === "" ? name : `${path}.${name}`;
    if (child.properties !== undefined)
      return schemaKeys(child, key, isOptional || child.default === undefined);
    if (child.items?.properties !== undefined)
      return schemaKeys(child.items, `${key}[]`, isOptional || key !== "uploader.watch");
    if (isOptional) optional.add(key);
    return [[key, child]];
  });
}

function valueKeys(value: unknown, path = ""): [string, unknown][] {
  if (Array.isArray(value) && typeof value[0] === "object")
    return value.flatMap((item) => valueKeys(item, `${path}[]`));
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, value]];
  return entries.flatMap(([name, child]) => valueKeys(child, path === "" ? name : `${path}.${name}`));
}

function read(yaml: string): Map<string, unknown> {
  const problems = new Problems();
  const values = toTyped(readYaml(yaml), rootKey, [], problems);
  expect(problems.lines).toEqual([]);
  return new Map(valueKeys(values));
}

const schema = new Map(schemaKeys(jsonSchema() as Node));

test("the example is a valid configuration", async () => {
  expect((await load(example)).config.role).toBe("uploader");
});

test("the example has every key of the schema, and no other", () => {
  expect([...read(whole).keys()].sort()).toEqual([...schema.keys()].sort());
});

test("the example has the schema's defaults, and a # before what has none", () => {
  const inUse = read(example);
  for (const [key, node] of schema) {
    if (key === "role" || key === "uploader.watch[].path") continue;
    expect([key, inUse.get(key)]).toEqual([key, optional.has(key) ? undefined : node.default]);
  }
});

test("every key, and every section, has a description for editors", () => {
  for (const [key, node] of schema)
    expect([key, node.description]).toEqual([key, expect.stringMatching(/\.$/)]);
});

test("the documentation's table has every key with its default, and no other", () => {
  const documentation = readFileSync(join(root, "docs/configuration.md"), "utf8");
  const rows = [...documentation.matchAll(/^\| `([a-z0-9_.[\]]+)` \| (.*?) \| (.*) \|$/gm)];
  const shown = (value: unknown) => {
    if (value === undefined) return "";
    return `\`${typeof value === "string" && value !== "" ? value : JSON.stringify(value)}\``;
  };
  const table = rows.map(([, key, standard]) => `${key} ${standard}`);
  expect(table).toEqual([...schema].map(([key, node]) => `${key} ${shown(node.default)}`));
});

test("the JSON Schema is of draft 2020-12 and refuses unknown keys in every section", () => {
  const json = jsonSchema() as Node & { $schema?: string; additionalProperties?: unknown };
  expect(json.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
  const visit = (node: Node & { additionalProperties?: unknown }) => {
    if (node.properties === undefined) return;
    expect(node.additionalProperties).toBe(false);
    for (const child of Object.values(node.properties)) visit(child.items ?? child);
  };
  visit(json);
});
