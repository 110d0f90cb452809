/** What earlier commands have sent, and no command names any more. */
import { expect, test } from "bun:test";
import { noteUnnamed } from "../../../../agent/uploader/discover/unnamed-files.ts";
import type { UploadOptions } from "../../../../agent/uploader/upload-options.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 0, 10);

function entry(daysAgo: number, state: FileValue["state"] = "sent") {
  const facts = { size: 1, mtime: "0", ctime: "0", inode: "1" };
  return { ...facts, version: (nowMs - daysAgo * dayMs) * 1000, state } as FileValue;
}

test("what was sent longer ago than chunks are kept, and is not named now, is noted as gone", async () => {
  const files = new Map([
    ["old", entry(8)],
    ["old-and-begun", entry(8, "sending")],
    ["old-and-named", entry(8)],
    ["old-and-gone", entry(8, "gone")],
    ["kept", entry(6)],
  ]);
  const noted: string[] = [];
  const options = {
    ledger: {
      brokersNowMs: nowMs,
      paths: () => files.keys(),
      file: (path: string) => files.get(path),
      isPresent: (path: string) => files.get(path)?.state !== "gone",
      put: async (path: string, value: FileValue) => {
        noted.push(`${path} ${value.state}`);
      },
    },
    transport: { retentionMs: 7 * dayMs },
  } as unknown as UploadOptions;
  const fileAt = (path: string) => (path === "old-and-named" ? ({} as never) : undefined);
  await noteUnnamed(options, { fileAt });
  expect(noted).toEqual(["old gone", "old-and-begun gone"]);
});
