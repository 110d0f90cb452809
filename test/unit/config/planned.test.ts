/** The settings of features that are not built are validated like the others. */
import { expect, test } from "bun:test";
import { formatSettings } from "../../../agent/commands/check.ts";
import { schema } from "../../../agent/config/schema.ts";
import { load, problemsOf } from "./loading.ts";

const BASE = "role: uploader\nuploader: {watch: [{path: /w}]}\n";

/** The problems besides that the feature is not there. */
async function wrongOf(set: readonly string[], environment: Record<string, string> = {}) {
  const problems = await problemsOf(BASE, { set, environment });
  return problems.filter((problem) => !problem.endsWith(": not in this version"));
}

const records = (columns: string, more = "") =>
  `uploader.records={project: shop, sources: [{id: orders, secrets: [{value: s}], columns: [${columns}]${more}}]}`;
const sink = (keys: string) => `downloader.tables.sinks=[{source: shop/orders, table: orders, ${keys}}]`;

test("what is wrong is said with its key", async () => {
  const source = "uploader.records.sources.0";
  const wrong: [set: string, problem: string][] = [
    ["uploader.watch.0.live=/x", "uploader.watch.0.live: must be a glob on the relative path"],
    ["uploader.live.checkpoint=0s", "uploader.live.checkpoint: must be at least 10ms (0s)"],
    ["uploader.live.idle=30", "uploader.live.idle: must be off, or a duration"],
    ["uploader.live.suffix=a/b", "uploader.live.suffix: must be a part of a file's name"],
    ["uploader.live.max_bytes=0", "uploader.live.max_bytes: must be off, or at least 1 (0)"],
    ["uploader.live.reference=http://hub", "uploader.live.reference: must be a ws(s) address"],
    ["uploader.records={projekt: shop}", "uploader.records.projekt: unknown key, did you mean"],
    ["uploader.records.project=a/b", "uploader.records.project: must be 1 to 64 letters"],
    ["uploader.records.trusted_proxies=10.0.0.0/33", "uploader.records.trusted_proxies: must be an IP"],
    [records("{name: a-b, type: uuid}"), `${source}.columns.0.name: must be 1 to 63 letters`],
    [records("{name: a, type: number}"), `${source}.columns.0.type: must be one of uuid, datetime`],
    [records("{name: a, type: uuid, path: x}"), `${source}.columns.0.path: is only for type: path`],
    [records("{name: a, type: uuid, raw: true}"), `${source}.columns.0.raw: is only for type: path`],
    [records("{name: a, type: path}"), `${source}.columns.0.path: required for type: path`],
    [records("{name: a, type: path, path: ''}"), `${source}.columns.0.path: must not be empty`],
    [records("{name: a, type: static}"), `${source}.columns.0.value: required for type: static`],
    [records("{name: a, type: template}"), `${source}.columns.0.jsonnet: required for type: template`],
    [records("{name: a, type: ip}, {name: A, type: ip}"), `${source}.columns.1.name: is that of another`],
    [records(""), `${source}.columns: must have at least one`],
    [records("{name: a, type: ip}", ", cors: [shop.example.com]"), `${source}.cors: must be an origin`],
    [records("{name: a, type: ip}", ", max_body: 0"), `${source}.max_body: must be at least 1 (0)`],
    ["downloader.events.topic=a b", "downloader.events.topic: must be 1 to 249 letters"],
    ["downloader.events.topic=streamsend_ledger", "downloader.events.topic: must be another topic"],
    ["downloader.tables.staging.s3={prefix: x}", "downloader.tables.staging.s3.bucket: required"],
    [
      "downloader.tables.staging={directory: /s, s3: {bucket: b}}",
      "downloader.tables.staging.s3: is given besides",
    ],
    [sink("target: mysql://x"), "downloader.tables.sinks.0.target: must be sqlite:FILE, postgres://"],
    [sink("target: 'postgres://u:p@h/d'"), "downloader.tables.sinks.0.target: must not have the password"],
    [sink("target: manifest, password: p"), "downloader.tables.sinks.0.password: is only for postgres"],
    [
      sink("target: manifest, slice: {bytes: 5}, import: {slices: 0}"),
      "downloader.tables.sinks.0.import.slices: must be",
    ],
    ["http.tokens=[{read: [x]}]", "http.tokens.0.token_file: required"],
    ["http.tokens=[{token: t}]", "http.tokens.0.read: required, or write"],
    ["http.tokens=[{token: t, read: [/x]}]", "http.tokens.0.read: must be a glob"],
  ];
  for (const [set, problem] of wrong) {
    const [first, ...others] = await wrongOf([set]);
    expect([first, others]).toEqual([expect.stringContaining(problem), []]);
  }
});

test("sources have names of their own, a project and secrets", async () => {
  const source = (keys: string) => `{id: a, columns: [{name: a, type: ip}], ${keys}}`;
  const both = `${source("secrets: [{}]")}, ${source("secrets: [s]")}`;
  expect(await wrongOf([`uploader.records.sources=[${both}]`])).toEqual([
    "uploader.records.project: required with uploader.records.sources",
    "uploader.records.sources.0.secrets.0.file: required, or value",
    "uploader.records.sources.1.id: is that of uploader.records.sources.0 (a)",
  ]);
});

test("all of them come out of check as they went in, secrets masked", async () => {
  const { settings } = await load(BASE);
  const column = { name: "sku", type: "path", path: "items[0].sku", default: "" } as const;
  const given = {
    role: "uploader",
    http: { tokens: [{ token: "hunter2", read: ["**"] }] },
    uploader: {
      watch: [{ path: "/w", attributes: { store: "7" }, live: ["*.log"] }],
      live: { suffix: ".part", max_bytes: "1GB" },
      records: {
        project: "shop",
        sources: [{ id: "orders", secrets: [{ value: "hunter2" }, { file: "/s" }], columns: [column] }],
      },
    },
  };
  const shown = formatSettings({ settings: { ...settings, ...schema.parse(given) } });
  expect(shown).not.toContain("hunter2");
  for (const line of [
    'token: "***"',
    'value: "***"',
    "file: /s",
    "max_headers: 16kB",
    "max_bytes: 1GB",
    'store: "7"',
  ])
    expect(shown).toContain(line);
});
