import { expect, test } from "bun:test";
import { problemsOf } from "./loading.ts";

const BASE = "role: uploader\nuploader: {watch: [{path: /w}]}\n";

test("a setting whose feature is not built is refused when it is used", async () => {
  const oauth = "mechanism: oauthbearer, token_url: http://x, client_id: a, client_secret: b";
  const used: [yaml: string, set: string[], key: string][] = [
    ["encryption: {recipients: [a]}", [], "encryption"],
    ["encryption: {senders: [a]}", [], "encryption"],
    ["encryption: {identity_file: /i}", [], "encryption"],
    [`kafka: {sasl: {${oauth}}}`, [], "kafka.sasl.mechanism"],
    ["kafka: {sasl: {mechanism: aws-msk-iam, region: r}}", [], "kafka.sasl.mechanism"],
    ["", ["uploader.partitioning=spread"], "uploader.partitioning"],
    ["", ["uploader.test_file.every=1m"], "uploader.test_file.every"],
  ];
  for (const [yaml, set, key] of used) {
    expect(await problemsOf(BASE + yaml, { set })).toEqual([`${key}: not in this version`]);
  }
});

test("what does nothing in its default is no use of it", async () => {
  const yaml = `encryption: {recipients: [], senders: []}
downloader: {on_change: replace}
kafka: {sasl: {mechanism: plain, username: u, password: p}}`;
  const set = ["uploader.after=keep", "uploader.max_age=off", "uploader.test_file={every: off, bytes: 1KiB}"];
  expect(await problemsOf(`${BASE}${yaml}`, { set })).toEqual([]);
});
