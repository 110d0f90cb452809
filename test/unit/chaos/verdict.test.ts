import { expect, test } from "bun:test";
import { type FindingKind, findingKinds } from "../../../scripts/chaos-parts/findings.ts";
import { recoveriesIn } from "../../../scripts/chaos-parts/recovery-metrics.ts";
import { exitCodeOf, type Results, summaryOf, whyNotCounted } from "../../../scripts/chaos-parts/verdict.ts";
import { WayCounts, ways } from "../../../scripts/chaos-parts/ways.ts";

const good: Results = {
  seed: 7,
  minutes: 60,
  findings: [],
  kills: 500,
  killsInFlight: 100,
  versions: 2000,
  compared: 1,
  taken: 0,
  repeated: new Map(),
  unseen: 0,
  ways: [{ name: "resumed", taken: 1 }],
  faults: new Map([["kill-uploader", 1]]),
  skipped: [],
  peaks: { uploader: 1 << 20, downloader: 1 << 20 },
  sabotaged: false,
};

test("a long run that was rough enough and found nothing is good, and names its seed", () => {
  expect(exitCodeOf(good)).toBe(0);
  expect(summaryOf(good)).toEndWith("clean; seed 7");
});

test.each([...findingKinds])(
  "one file that is %s makes a run red, and is counted by its kind",
  (kind: FindingKind) => {
    const results = { ...good, findings: [{ kind, what: "till-1/a", why: "it is", atMs: 0 }] };
    expect(exitCodeOf(results)).toBe(1);
    expect(summaryOf(results)).toMatch(new RegExp(`^ +1 +(agents|${kind})`, "m"));
    expect(summaryOf(results)).toEndWith("RED: 1 found; seed 7");
  },
);

test("a long run with too few kills or versions, an unused way of recovery or a missing fault does not count", () => {
  const poor: Partial<Results>[] = [
    { killsInFlight: 99 },
    { versions: 1999 },
    { ways: [{ name: "resumed", taken: 0 }] },
    { skipped: ["fault fill-disk: mounting needs root"] },
  ];
  for (const change of poor) {
    const results = { ...good, ...change };
    expect(whyNotCounted(results)).toHaveLength(1);
    expect(exitCodeOf(results)).toBe(1);
    expect(summaryOf(results)).toContain("DOES NOT COUNT");
  }
});

test("a short run needs its share of kills and versions, and no way of recovery in particular", () => {
  const short = {
    ...good,
    minutes: 3,
    killsInFlight: 5,
    versions: 100,
    ways: [{ name: "resumed", taken: 0 }],
  };
  expect(exitCodeOf(short)).toBe(0);
  expect(exitCodeOf({ ...short, killsInFlight: 4 })).toBe(1);
  expect(exitCodeOf({ ...short, versions: 99 })).toBe(1);
});

test("a way of recovery is counted by the log lines of its role", () => {
  const counts = new WayCounts();
  const line = "video.avi: goes on after 67108864 acknowledged bytes";
  counts.line("uploader", line);
  counts.line("downloader", line);
  counts.line("uploader", "video.avi: goes on after 0 acknowledged bytes");
  const taken = ways.filter((way) => counts.taken(way) > 0);
  expect(taken.map((way) => [way.role, counts.taken(way)])).toEqual([["uploader", 1]]);
});

test("a way of recovery is counted by the agent's own counter", () => {
  const metrics = `# TYPE streamsend_recoveries_total counter
streamsend_recoveries_total{way="log"} 3
streamsend_recoveries_total{role="downloader",way="restored"} 12
other_total{way="log"} 7
`;
  expect(recoveriesIn(metrics)).toEqual(
    new Map([
      ["log", 3],
      ["restored", 12],
    ]),
  );
});
