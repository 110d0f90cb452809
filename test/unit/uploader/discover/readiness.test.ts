/** Which files looks pass over. */
import { expect, test } from "bun:test";
import type { SeenNumbers } from "../../../../agent/ledger/uploader/file-rows.ts";
import { PathKey } from "../../../../agent/ledger/uploader/path-key.ts";
import { fingerprintOf } from "../../../../agent/uploader/access/fingerprint.ts";
import type { WatchedFile } from "../../../../agent/uploader/access/watch.ts";
import { Readiness, type ReadinessOptions } from "../../../../agent/uploader/discover/readiness.ts";
import type { Sighting } from "../../../../agent/uploader/discover/scan.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";

const stats = { size: 5n, mtimeNs: 7n, ctimeNs: 7n, ino: 1n, dev: 1n };
const found: Sighting = {
  file: { path: "a", watch: { takes: () => true } } as unknown as WatchedFile,
  stats,
  seenMs: 0,
  all: { low: 1, high: 2 },
  content: { low: 3, high: 4 },
};

/** With what the ledger has of the file. */
function prepare(entry: Pick<FileValue, "state" | "mtime" | "ctime" | "inode" | "size"> | undefined) {
  const ledger = { file: () => entry, isOvertaken: () => false };
  const config = { settleMs: 1000, after: "keep", watch: [] };
  const readiness = new Readiness({ ledger, config } as unknown as ReadinessOptions);
  readiness.sent(found);
  return readiness.passes(found.all, found.content, () => true);
}

test("what was just sent as it was found is passed over by the next look", () => {
  expect(prepare({ state: "sent", ...fingerprintOf(stats) })).toBe("sent");
});

test("what was sent as it stands there is passed over, unless it is to be taken away", () => {
  const [seen, path] = [{} as SeenNumbers, new PathKey().set("a")];
  for (const after of ["keep", "delete"] as const) {
    const asked: unknown[] = [];
    const ledger = { isSentAs: (...given: unknown[]) => asked.push(given) > 0 };
    const config = { settleMs: 1000, after, watch: [] };
    const readiness = new Readiness({ ledger, config } as unknown as ReadinessOptions);
    expect(readiness.passes(found.all, found.content, () => true)).toBeUndefined();
    expect(readiness.isSentAs(path, seen, 3)).toBe(after === "keep");
    expect(asked).toEqual(after === "keep" ? [[path, seen, 3]] : []);
  }
});

test("what the ledger has in another state, or not as sent, is looked at again", () => {
  expect(prepare({ state: "sent", ...fingerprintOf({ ...stats, ctimeNs: 8n }) })).toBeUndefined();
  expect(prepare({ state: "gone", ...fingerprintOf(stats) })).toBeUndefined();
  expect(prepare(undefined)).toBeUndefined();
});
