import { expect, test } from "bun:test";
import { problemsOf } from "./loading.ts";

const BASE = "role: uploader\nuploader: {watch: [{path: /w}]}\n";

test("a setting whose feature is not built is refused when it is used", async () => {
  const scram = "mechanism: scram-sha-512, username: u, password: p";
  const source = "{id: orders, secrets: [{value: s}], columns: [{name: id, type: uuid}]}";
  const sink = "{source: shop/orders, table: orders, target: 'postgres://user@host/db', password: p}";
  const oauth = "mechanism: oauthbearer, token_url: http://x, client_id: a, client_secret: b";
  const used: [yaml: string, set: string[], key: string][] = [
    ["encryption: {recipients: [a]}", [], "encryption"],
    ["encryption: {senders: [a]}", [], "encryption"],
    ["encryption: {identity_file: /i}", [], "encryption"],
    [`kafka: {sasl: {${oauth}}}`, [], "kafka.sasl.mechanism"],
    ["kafka: {sasl: {mechanism: aws-msk-iam, region: r}}", [], "kafka.sasl.mechanism"],
    [`kafka: {sasl: {${scram}, ca: /ca}}`, [], "kafka.sasl.ca"],
    [
      "",
      [
        "uploader.watch=/a,/b",
        "uploader.watch.0.as=a",
        "uploader.watch.1.as=b",
        "uploader.watch.1.live=*.log",
      ],
      "uploader.watch.1.live",
    ],
    ["", ["uploader.watch.0.live=*.log"], "uploader.watch.0.live"],
    ["", ["uploader.live.checkpoint=2s"], "uploader.live.checkpoint"],
    ["", ["uploader.live.idle=1m"], "uploader.live.idle"],
    ["", ["uploader.live.idle=off"], "uploader.live.idle"],
    ["", ["uploader.live.suffix=.part"], "uploader.live.suffix"],
    ["", ["uploader.live.marker=.done"], "uploader.live.marker"],
    ["", ["uploader.live.give_up=1h"], "uploader.live.give_up"],
    ["", ["uploader.live.max_bytes=1GB"], "uploader.live.max_bytes"],
    ["", ["uploader.live.reference=ws://hub:9480/ws/streaming/download/{id}"], "uploader.live.reference"],
    ["", ["uploader.records.project=shop"], "uploader.records"],
    ["", ["uploader.records.trusted_proxies=10.0.0.0/8,::1"], "uploader.records"],
    ["", ["uploader.records.project=shop", `uploader.records.sources=[${source}]`], "uploader.records"],
    ["", ["downloader.tables.staging.directory=/s"], "downloader.tables"],
    ["", ["downloader.tables.staging.s3={bucket: b, endpoint: 'http://s3:9000'}"], "downloader.tables"],
    ["", [`downloader.tables.sinks=[${sink}]`], "downloader.tables"],
    ["", ["http.tokens=[{token: t, read: ['**']}]"], "http.tokens"],
  ];
  for (const [yaml, set, key] of used) {
    expect(await problemsOf(BASE + yaml, { set })).toEqual([`${key}: not in this version`]);
  }
});

test("it is said also where something else is wrong with it", async () => {
  const set = [
    "uploader.records={project: shop, sources: [{id: a, secrets: [{file: /nowhere}], columns: [{name: a, type: ip}]}]}",
  ];
  expect(await problemsOf(BASE, { set })).toEqual([
    "uploader.records.sources.0.secrets.0.file: /nowhere: no such file",
    "uploader.records: not in this version",
  ]);
});

test("what does nothing in its default is no use of it", async () => {
  const yaml = `encryption: {recipients: [], senders: []}
downloader: {on_change: replace, events: {topic: off}, tables: {staging: {}, sinks: []}}
http: {tokens: []}
kafka: {sasl: {mechanism: plain, username: u, password: p}}`;
  const set = [
    "uploader.after=keep",
    "uploader.max_age=off",
    "uploader.test_file={every: off, bytes: 1KiB}",
    "uploader.records={sources: []}",
    "uploader.watch.0.live=[]",
    "uploader.live={checkpoint: 1000ms, idle: 30s}",
  ];
  expect(await problemsOf(`${BASE}${yaml}`, { set })).toEqual([]);
});
