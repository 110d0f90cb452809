/** What the documents name is there: files, folders, scripts, headings that are linked to, and methods. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const docs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
const documents = ["README.md", "CONTRIBUTING.md", ...docs.map((name) => `docs/${name}`)];
/** All files and folders that a document can name. */
const places = new Set(placesOf(["agent", "scripts", "test", "docs", "systemd", ".ci"]));
for (const name of readdirSync(root)) places.add(name);
/** The names of files, without their folders. */
const names = new Set([...places].map((place) => place.slice(place.lastIndexOf("/") + 1)));
const sources = [...places]
  .filter((place) => /^(?:agent\/.*\.ts|scripts\/.*\.(?:ts|cc|h)|scripts\/native\/build)$/.test(place))
  .map(read);
/** Every name in them. */
const identifiers = new Set(sources.flatMap((text) => text.match(/\w+/g) ?? []));
/** Those that are about the code. */
const aboutCode = ["CONTRIBUTING.md", "docs/architecture.md", "docs/decisions.md"];

const sourceFile = /^[\w.*/-]+\.(?:ts|cc|c|h|grit|patch|html)$/;
/** From the root. Other names with a folder are below agent/. */
const inTheTree = /^(?:agent|scripts|test|docs|systemd)\/[\w.*@/-]*$/;

test.each(documents)("%s links to what there is", (document) => {
  const text = withoutCode(read(document));
  const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !target.includes("://") && !isThere(document, target));
  expect(broken).toEqual([]);
});

test.each(documents)("%s names files and folders that there are", (document) => {
  const unknown = wordsInCode(read(document)).filter((word) => {
    if (inTheTree.test(word)) return !isPlace(word);
    if (!sourceFile.test(word)) return false;
    return word.includes("/") ? !isPlace(word) && !isPlace(`agent/${word}`) : !isName(word);
  });
  expect(unknown).toEqual([]);
});

test.each(documents)("%s names methods that there are", (document) => {
  const unknown = wordsInCode(read(document)).filter((word) => {
    const [, type, method] = /^([A-Z]\w*[a-z]\w*)\.(#?[a-z]\w*)$/.exec(word) ?? [];
    return type !== undefined && method !== undefined && !hasMethod(type, method);
  });
  expect(unknown).toEqual([]);
});

test.each(aboutCode)("%s names functions, classes and constants that there are", (document) => {
  const names = wordsInCode(read(document)).filter((word) => /^[A-Za-z]+[a-z][A-Z]\w*$/.test(word));
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !identifiers.has(name))).toEqual([]);
});

test("what is not there is found", () => {
  expect(isThere("docs/protocol.md", "nothing.md")).toBe(false);
  expect(isThere("docs/protocol.md", "#limits")).toBe(true);
  expect(isThere("README.md", "docs/protocol.md#no-such-heading")).toBe(false);
  expect(wordsInCode("see `agent/a.ts`, `b.ts` and\n```\nscripts/c --d\n```\n")).toEqual([
    "agent/a.ts",
    "b.ts",
    "scripts/c",
    "--d",
  ]);
  expect(isPlace("test/e2e/crash-points-*.test.ts")).toBe(true);
  expect(isPlace("agent/no-such-file.ts")).toBe(false);
  expect(hasMethod("DurablePoint", "make")).toBe(true);
  expect(hasMethod("DurablePoint", "unmake")).toBe(false);
});

function placesOf(folders: readonly string[]): string[] {
  return folders.flatMap((folder) => [
    folder,
    ...readdirSync(join(root, folder), { recursive: true }).map((path) => `${folder}/${path}`),
  ]);
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Whether a link's target is there, and has the heading that is linked to. */
function isThere(document: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const place = path === "" ? document : normalize(join(dirname(document), path));
  return isPlace(place) && (anchor === undefined || anchorsOf(read(place)).includes(anchor));
}

/** What can be linked to in a document: its headings, as anchors are made of their texts, and anchors of its own. */
function anchorsOf(text: string): string[] {
  const headings = [...withoutBlocks(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id)];
}

function isPlace(path: string): boolean {
  const place = path.replace(/\/$/, "");
  return places.has(place) || (place.includes("*") && matchesAny(place, places));
}

function isName(name: string): boolean {
  return names.has(name) || (name.includes("*") && matchesAny(name, names));
}

function matchesAny(pattern: string, paths: ReadonlySet<string>): boolean {
  const glob = new Glob(pattern);
  return [...paths].some((path) => glob.match(path));
}

/** Every word in backticks or in a block of code. */
function wordsInCode(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  const inline = [...withoutBlocks(text).matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
  return [...inline, ...blocks].flatMap((code) => code.split(/[\s,;:()'"]+/)).filter((word) => word !== "");
}

function withoutBlocks(text: string): string {
  return text.replace(/^```\w*\n.*?^```$/gms, "");
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replace(/`[^`]*`/g, "");
}

/** Whether a class or an interface of this name has such a method, by a look at the text of its file. */
function hasMethod(type: string, method: string): boolean {
  const named = new RegExp(`\\b(?:class|interface) ${type}\\b`);
  const has = new RegExp(`^ {2}(?:(?:static|async|get|readonly) )*\\*?${method}[(<:?]`, "m");
  return sources.some((text) => named.test(text) && has.test(text));
}
