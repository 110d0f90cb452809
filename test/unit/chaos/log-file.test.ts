import { expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLine } from "../../../scripts/chaos-parts/log-line.ts";
import { LogFile } from "../../support/log-file.ts";

test("a line of an agent whose clock is off is of now", () => {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-log-"));
  try {
    const path = join(folder, "a.log");
    const log = new LogFile(path, parseLine);
    const [beforeMs, nowMs] = [Date.now(), Date.now() - 500];
    for (const time of [new Date(nowMs), new Date(0), new Date(nowMs + 86_400_000)])
      appendFileSync(path, `${JSON.stringify({ time: time.toISOString(), level: "info", message: "a" })}\n`);
    const [exact, early, late] = log.take().map(({ atMs }) => atMs);
    expect(exact).toBe(nowMs);
    for (const atMs of [early, late]) {
      expect(atMs).toBeGreaterThanOrEqual(beforeMs);
      expect(atMs).toBeLessThanOrEqual(Date.now());
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
