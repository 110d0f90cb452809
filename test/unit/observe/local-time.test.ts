/** TZ counts from the start of a process, so each of these looks in one of its own. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

const module = join(import.meta.dir, "../../../agent/observe/local-time.ts");
const winter = Date.UTC(2025, 0, 15, 12, 0, 0, 7);
const summer = Date.UTC(2025, 6, 15, 12, 0, 0, 7);

async function textsAt(
  TZ: string,
  times: readonly number[],
  env: Record<string, string> = {},
): Promise<string[]> {
  const source = `import { LocalTime } from ${JSON.stringify(module)}; const time = new LocalTime();
    console.log(JSON.stringify(${JSON.stringify(times)}.map((ms) => time.text(ms))));`;
  const child = Bun.spawn([process.execPath, "--config=/dev/null", "-e", source], {
    env: { PATH: process.env.PATH ?? "", TZ, ...env },
    stdout: "pipe",
  });
  return JSON.parse(await child.stdout.text());
}

test.each([
  ["UTC", "12", "12"],
  ["CET-1CEST,M3.5.0,M10.5.0/3", "13", "14"],
  ["Europe/Berlin", "13", "14"],
  [":Europe/Berlin", "13", "14"],
  [":/usr/share/zoneinfo/Europe/Berlin", "13", "14"],
  ["/usr/share/zoneinfo/America/New_York", "07", "08"],
  ["EST5EDT,M3.2.0,M11.1.0", "07", "08"],
  ["<+0330>-3:30", "15:30", "15:30"],
  ["Asia/Kathmandu", "17:45", "17:45"],
])(
  "with TZ=%s it is the time that people there have, in winter and in summer",
  async (TZ, inWinter, inSummer) => {
    const clock = (text: string) => `${text}${text.includes(":") ? "" : ":00"}:00.007`;
    expect(await textsAt(TZ, [winter, summer])).toEqual([
      `20250115 ${clock(inWinter)}`,
      `20250715 ${clock(inSummer)}`,
    ]);
  },
);

test("the hour that comes twice comes twice, and the one that is left out is left out", async () => {
  const back = Date.UTC(2025, 9, 26, 1);
  const forward = Date.UTC(2025, 2, 30, 1);
  expect(await textsAt("CET-1CEST,M3.5.0,M10.5.0/3", [back - 1, back, forward - 1, forward])).toEqual([
    "20251026 02:59:59.999",
    "20251026 02:00:00.000",
    "20250330 01:59:59.999",
    "20250330 03:00:00.000",
  ]);
});

test("a day before 1970 and one after 2038 are days", async () => {
  expect(await textsAt("UTC", [-1, Date.UTC(2040, 1, 29)])).toEqual([
    "19691231 23:59:59.999",
    "20400229 00:00:00.000",
  ]);
});

test("a zone whose file is not on this machine is still known by its name", async () => {
  expect(existsSync("/nowhere")).toBe(false);
  expect(await textsAt("Europe/Berlin", [winter, summer], { TZDIR: "/nowhere" })).toEqual([
    "20250115 13:00:00.007",
    "20250715 14:00:00.007",
  ]);
});
