import { beforeEach, expect, test } from "bun:test";
import { FirstFailure } from "../../../../agent/downloader/parts.ts";
import { Changes } from "../../../../agent/downloader/place/changes.ts";
import type { Snapshot } from "../../../../agent/downloader/publish/durable-point.ts";
import {
  DurablePointSchedule,
  type ScheduleOptions,
} from "../../../../agent/downloader/publish/durable-point-schedule.ts";
import { OpenFiles } from "../../../../agent/downloader/store/open-files.ts";
import { Partial } from "../../../../agent/downloader/store/partial.ts";
import { localDisk } from "../../../support/local-disk.ts";

const files = new OpenFiles(localDisk());
let nowMs: number;
let changes: Changes;
/** What was made durable. */
let made: Snapshot[];
/** What each durable point waits for. */
let making: Promise<void>;
let schedule: DurablePointSchedule;

beforeEach(() => {
  nowMs = 0;
  changes = new Changes();
  made = [];
  making = Promise.resolve();
  schedule = new DurablePointSchedule({
    durablePoint: {
      isBehind: () => true,
      make: async (snapshot: Snapshot) => {
        made.push(snapshot);
        await making;
        return 0;
      },
    },
    assembly: {
      changes,
      settled: async () => undefined,
      throwFailure: () => undefined,
      partials: { remove: () => undefined },
    },
    rejected: { hasChanges: false, drainParked: () => undefined },
    positions: new Map([[0, 7]]),
    failure: new FirstFailure(),
    now: () => nowMs,
    reportSuccess: () => undefined,
  } as unknown as ScheduleOptions);
});

function partial(path: string, isWhole: boolean): Partial {
  const id = { uploader: "u", path, version: 1, partition: 0 };
  const checksum = isWhole ? "md5:0" : undefined;
  const coverage = isWhole ? [[0, 4] as [number, number]] : [];
  return new Partial({ ...id, size: 4, mtime: "0", algorithm: "md5", checksum, coverage }, `/${path}`, files);
}

/** A part of a file was written. */
function write(path: string): void {
  changes.placing(1 << 20);
  changes.placed(partial(path, false));
}

function finish(path: string): void {
  const whole = partial(path, true);
  changes.placed(whole);
  changes.finished({ partial: whole, checksum: "md5:0" });
}

async function makeIfDue(isIdle = false): Promise<string | undefined> {
  const due = schedule.due(isIdle);
  if (due) await schedule.start(due);
  return due;
}

test("a finished file beside one that still comes is published once no other was finished, without the sync of that", async () => {
  write("large");
  finish("small");
  expect(await makeIfDue()).toBeUndefined();
  nowMs += 10;
  expect(await makeIfDue()).toBe("finished");
  expect(made).toMatchObject([{ changedFiles: ["/small"], notes: [], positions: [], dropped: [] }]);
  expect(made[0]?.finished.map(({ partial }) => partial.id.path)).toEqual(["small"]);
  expect(changes.finishedCount).toBe(0);
});

test("what such a point leaves is in the next one of everything, which it does not put off", async () => {
  write("large");
  changes.dropped(partial("gone", false));
  for (; nowMs < 5000; nowMs += 100) {
    finish(`small-${nowMs}`);
    await makeIfDue(true);
    await schedule.ended();
  }
  expect(made).toHaveLength(50);
  finish("last");
  expect(await makeIfDue()).toBe("all");
  expect(made.at(-1)).toMatchObject({
    changedFiles: ["/last", "/large"],
    notes: [{ path: "large" }],
    positions: [{ partition: 0, offset: 7 }],
  });
  expect(made.at(-1)?.dropped.map(({ id }) => id.path)).toEqual(["gone"]);
});

test("finished files with nothing beside them are made durable with the position", async () => {
  finish("small");
  expect(await makeIfDue(true)).toBe("all");
  expect(made).toMatchObject([{ changedFiles: ["/small"], positions: [{ partition: 0, offset: 7 }] }]);
});

test("while records come, finished files with nothing beside them wait for more of them", async () => {
  finish("small");
  for (; nowMs < 1000; nowMs += 50) expect(await makeIfDue()).toBeUndefined();
  expect(await makeIfDue()).toBe("all");
});

test("files that are finished one right after the other are published together, every second", async () => {
  write("large");
  for (; nowMs < 1000; nowMs += 5) {
    finish(`small-${nowMs}`);
    expect(await makeIfDue()).toBeUndefined();
  }
  expect(await makeIfDue()).toBe("finished");
  expect(made[0]?.finished).toHaveLength(200);
});

test("the reading does not wait for a point that is being made, until five hundred files wait", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  making = promise;
  write("large");
  finish("first");
  expect(await makeIfDue(true)).toBe("finished");
  for (let at = 0; at < 500; at++) {
    expect(schedule.due(true)).toBeUndefined();
    finish(`small-${at}`);
  }
  expect(schedule.due(false)).toBe("finished");
  resolve();
  await schedule.ended();
  finish("more");
  expect(await makeIfDue(true)).toBe("finished");
});
