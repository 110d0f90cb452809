import { expect, test } from "bun:test";
import { BoundedMap } from "../../../../agent/lib/bounded-map.ts";
import { Observer } from "../../../../agent/observe/observer.ts";
import { Cleanup } from "../../../../agent/uploader/cleanup/cleanup.ts";
import { HeardLog } from "../../../support/heard-log.ts";

test("what groups could not store is said one by one up to a bound, however much that is, and all of it is counted", () => {
  const lines: string[] = [];
  const log = new HeardLog("test", (line) => lines.push(line));
  const { troubles } = log;
  const observer = new Observer({ role: "uploader", name: "test", version: "", host: "", troubles });
  const options = {
    config: { after: "keep" },
    ledger: { feedback: { receipts: { isFailed: () => true, isDelivered: () => false } } },
    files: {},
    reporting: { log, observer, logChunks: false },
    run: { signal: new AbortController().signal },
    discovery: {},
    failed: new BoundedMap<string, unknown>(10),
  };
  const cleanup = new Cleanup(options as unknown as ConstructorParameters<typeof Cleanup>[0]);
  for (let version = 1; version <= 5000; version++)
    cleanup.receipt({
      verdict: "failed",
      path: `file-${version}`,
      group: "hub",
      version,
      reason: "too long",
    });
  expect(lines.length).toBeLessThanOrEqual(31);
  expect(lines[0]).toBe("file-1: group hub could not store version 1: too long");
  expect(observer.report().failed.count).toBe(5000);
});

test("a source stays that a group wants to have again by the time that the name is known to be ours", async () => {
  const log = new HeardLog("test", () => undefined);
  const { troubles } = log;
  const observer = new Observer({ role: "uploader", name: "test", version: "", host: "", troubles });
  let isDelivered = true;
  let touched = 0;
  const done = Promise.withResolvers<void>();
  const options = {
    config: { after: "delete", afterWhen: "delivered" },
    ledger: {
      feedback: { receipts: { isFailed: () => false, isDelivered: () => isDelivered } },
      file: () => ({ state: "sent", version: 1 }),
      // What was said meanwhile is read for that.
      ready: async () => {
        isDelivered = false;
      },
    },
    files: new Proxy({}, { get: () => touched++ }),
    reporting: { log, observer, logChunks: false },
    run: { signal: new AbortController().signal },
    discovery: {
      paths: { has: () => false },
      fileAt: (path: string) => ({ path }),
      begin: () => undefined,
      done: () => done.resolve(),
    },
    failed: new BoundedMap<string, unknown>(10),
  };
  const cleanup = new Cleanup(options as unknown as ConstructorParameters<typeof Cleanup>[0]);
  cleanup.sent("a.txt");
  await done.promise;
  expect(touched).toBe(0);
  // It is waited for, as before.
  expect(cleanup.isBusy).toBe(true);
});
