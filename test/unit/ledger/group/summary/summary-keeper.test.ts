import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GroupLedger } from "../../../../../agent/ledger/group/group-ledger.ts";
import { LedgerSummary } from "../../../../../agent/ledger/group/summary/summary.ts";
import { SummaryFile } from "../../../../../agent/ledger/group/summary/summary-file.ts";
import { SummaryKeeper } from "../../../../../agent/ledger/group/summary/summary-keeper.ts";
import type { Disk } from "../../../../../agent/lib/disk.ts";
import { Effects } from "../../../../../agent/lib/effects.ts";
import { LocalDisk } from "../../../../../agent/lib/local-disk.ts";
import { first, noted, other } from "../../../../support/entries.ts";
import { HeardLog } from "../../../../support/heard-log.ts";
import { localDisk, nativeDisk } from "../../../../support/local-disk.ts";
import { MemoryLedger } from "../../../../support/memory-ledger.ts";
import { waitUntil } from "../../../../support/wait.ts";

const keeping = { entries: 2, pauseMs: 1000, renewMs: 60_000, lookMs: 1 };

class FullDisk extends LocalDisk {
  override sync(): Promise<void> {
    return Promise.reject(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
  }
}

let folder: string;
let file: string;
let lines: string[];
let nowMs: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "streamsend-keeper-"));
  file = join(folder, "ledger");
  lines = [];
  nowMs = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Keeps it while the test does something, and until it ends. */
async function keep(
  log: MemoryLedger,
  during: (ledger: GroupLedger) => Promise<void>,
  disk: Disk = localDisk(),
): Promise<void> {
  const summary = new LedgerSummary({
    ...{
      file: new SummaryFile(disk, folder),
      version: "1",
      log: new HeardLog("test", (line) => lines.push(line)),
    },
    upTime: { boot: "boot", upMs: () => nowMs },
  });
  const ledger = await GroupLedger.open("group", log, () => nowMs, { summary });
  using _following = log.follow(ledger);
  await new SummaryKeeper(summary, ledger, () => nowMs, keeping).during(() => during(ledger));
  await ledger.close();
}

const storedAt = () => statSync(file).mtimeMs + statSync(file).ino;
const looks = async () => {
  for (let left = 20; left > 0; left--) await new Promise((resolve) => setTimeout(resolve, 1));
};
const untilThere = () => waitUntil("it is stored", async () => existsSync(file));

test("what was read whole is stored at once, then for enough that is new, and not too often", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  await keep(log, async () => {
    await untilThere();
    const before = storedAt();
    await log.append(noted(first), noted(other));
    await looks();
    expect(storedAt()).toBe(before);
    nowMs += keeping.pauseMs;
    await waitUntil("it is stored again", async () => storedAt() !== before);
    const second = storedAt();
    nowMs += keeping.pauseMs;
    await log.append(noted(first));
    await looks();
    expect(storedAt()).toBe(second);
    nowMs += keeping.renewMs;
    await waitUntil("it is renewed", async () => storedAt() !== second);
  });
});

test("what is hardly anything is not worth it", async () => {
  await keep(new MemoryLedger([noted(first)]), async () => {
    nowMs += keeping.renewMs;
    await looks();
  });
  expect(readdirSync(folder)).toEqual([]);
});

test("what is new in the end is stored when the work has come to its end, and not when it failed", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const work = async () => {
    await untilThere();
    await log.append(noted(first), noted(other));
  };
  const failing = () => work().then(() => Promise.reject(new Error("the output is gone")));
  await expect(keep(log, failing)).rejects.toThrow("the output is gone");
  await keep(log, async () => undefined);
  expect(lines).toEqual(["went on from the summary of the ledger: 2 entries are new"]);
  await keep(log, async () => undefined);
  expect(lines.at(-1)).toBe("went on from the summary of the ledger: 0 entries are new");
});

test("a disk that takes nothing is said once, nothing is left there, and the work goes on", async () => {
  writeFileSync(`${file}.new`, "left by a crash");
  await keep(
    new MemoryLedger([noted(first), noted(other)]),
    async () => {
      await waitUntil("it is said", async () => lines.length > 0);
      nowMs += keeping.pauseMs;
      await looks();
    },
    new FullDisk(
      new Effects(),
      nativeDisk((_, done) => done(null)),
    ),
  );
  expect(lines).toEqual([
    expect.stringMatching(
      /^the summary of the ledger can't be stored, a start would read all of it: no space/,
    ),
  ]);
  expect(readdirSync(folder)).toEqual([]);
});
