import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BoundedMap } from "../../../../agent/lib/bounded-map.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { ActivePaths } from "../../../../agent/uploader/queue/active-paths.ts";
import { ReadSlots } from "../../../../agent/uploader/queue/read-slots.ts";
import {
  ResendRequests,
  type ResendRequestsOptions,
} from "../../../../agent/uploader/resend/resend-requests.ts";
import { makeGate } from "../../../support/gate.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/**
 * What groups ask for of files that are not there any more: an answer is that the ledger notes them as gone, and is under
 * way until `answer` lets that be written. `calls` counts what is looked at.
 */
function prepare(paths: readonly string[], parallel = 4) {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const errors: string[] = [];
  const warnings: string[] = [];
  const silent = Object.assign(log, {
    error: (message: string) => void errors.push(message),
    warn: (message: string) => void warnings.push(message),
  });
  const watch = new Watch(
    { path: folder, as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} },
    new FileSystemGate(folder, Number.POSITIVE_INFINITY, silent),
  );
  const asked = new Map(paths.map((path) => [path, 1]));
  const groups = new Map<string, string[]>();
  const groupsOf = (path: string) => groups.get(path) ?? ["hub"];
  const versions = new Map(paths.map((path) => [path, 1]));
  const states = new Map<string, string>();
  const active = new ActivePaths();
  const writes = new Map<string, () => void>();
  let calls = 0;
  let most = 0;
  const counting = <Arguments extends unknown[], Result>(call: (...given: Arguments) => Result) => {
    return (...given: Arguments) => {
      calls++;
      return call(...given);
    };
  };
  const request = (path: string) =>
    asked.has(path) && asked.get(path) === versions.get(path)
      ? { path, version: asked.get(path), groups: groupsOf(path), ranges: [[0, 1]], offset: 0, heardMs: 0 }
      : undefined;
  const upload = {
    config: { parallel },
    ledger: {
      file: counting((path: string) => ({
        version: versions.get(path),
        state: states.get(path) ?? "sent",
      })),
      put: (path: string) => {
        most = Math.max(most, writes.size + 1);
        return new Promise<void>((resolve) => writes.set(path, resolve));
      },
      feedback: {
        requests: {
          count: 10_000,
          askers: (path: string) => (asked.has(path) ? groupsOf(path) : []),
        },
        shareOf: (group: string) => (group === "hub" || group === "mirror" ? group : ""),
        request: counting(request),
        dropRequest: ({ path, version }: { path: string; version: number }) => {
          if (asked.get(path) === version) asked.delete(path);
        },
      },
    },
    files: makeGate(),
    reporting: { log: silent, observer: { metrics: { needs: () => undefined }, failed: () => undefined } },
    run: { signal: new AbortController().signal, once: false },
  };
  const answers = new ResendRequests({
    upload,
    discovery: {
      fileAt: counting((path: string) => watch.file(path)),
      begin: ({ path }: { path: string }) => active.tryBegin(path),
      done: ({ path }: { path: string }) => active.end(path),
      paths: Object.assign(active, { has: counting(active.has.bind(active)) }),
    },
    slots: lanes,
    failed: new BoundedMap(1000),
    onFatal: () => undefined,
  } as unknown as ResendRequestsOptions);
  /** Waits until one is under way, of whichever path or of this one, and lets it end. */
  const answer = async (path?: string) => {
    const next = () => path ?? writes.keys().next().value;
    const untilMs = performance.now() + 60_000;
    while (!writes.has(next() ?? "")) {
      if (performance.now() > untilMs) throw new Error(`no answer for ${path ?? "any"} is under way`);
      await Bun.sleep(0);
    }
    const [at, end] = [next() ?? "", writes.get(next() ?? "")];
    writes.delete(at);
    end?.();
    return at;
  };
  return {
    answers,
    asked,
    groups,
    versions,
    active,
    states,
    answer,
    under: writes,
    /** What is asked for at the start. */
    addAll: () => {
      for (const path of [...asked.keys()]) answers.add(path);
    },
    calls: () => calls,
    most: () => most,
    errors,
    warnings,
  };
}

let lanes = new ReadSlots(4);
afterEach(() => {
  lanes = new ReadSlots(4);
});

const many = (count: number) => Array.from({ length: count }, (_, at) => `file-${at}`);

test("each of thousands of requests costs the same, and few are under way at a time", async () => {
  const { answers, addAll, answer, calls, most } = prepare(many(2000));
  addAll();
  const order: string[] = [];
  for (let count = 0; count < 2000; count++) order.push(await answer());
  await answers.end();
  expect(new Set(order).size).toBe(2000);
  expect(most()).toBeLessThanOrEqual(4);
  expect(calls()).toBeLessThan(12 * 2000);
});

test("thousands that wait for files which are busy are not looked at for each other", async () => {
  const paths = many(2000);
  const { answers, addAll, answer, active, calls } = prepare(paths);
  for (const path of paths) active.tryBegin(path);
  addAll();
  const before = calls();
  for (const path of paths) {
    active.end(path);
    await answer(path);
  }
  await answers.end();
  expect(before).toBeLessThan(8 * 2000);
  expect(calls() - before).toBeLessThan(12 * 2000);
});

test("what is asked for again too soon waits for its pace, unless it is another version", async () => {
  const { answers, addAll, answer, asked, versions, calls, under } = prepare(["a", "b"]);
  addAll();
  for (const path of ["a", "b"]) await answer(path);
  while (asked.size > 0) await Bun.sleep(1);
  for (const path of ["a", "b"]) {
    asked.set(path, 1);
    answers.add(path);
  }
  const before = calls();
  // The same once more costs a look at its entry.
  for (let times = 0; times < 100; times++) answers.add("a");
  expect(calls() - before).toBe(100);
  for (const known of [versions, asked]) known.set("b", 2);
  answers.add("b");
  await answer("b");
  expect([...under.keys()]).toEqual([]);
  await answers.end();
});

test("what is asked for of a path while it is answered is answered after that", async () => {
  const { answers, addAll, answer, asked, versions } = prepare(["a"]);
  addAll();
  for (const known of [versions, asked]) known.set("a", 2);
  answers.add("a");
  answers.add("a");
  await answer("a");
  expect(asked.get("a")).toBe(2);
  await answer("a");
  await answers.end();
  expect(asked.size).toBe(0);
});

test("that a version is gone is said once, however often it is asked for", async () => {
  const { answers, asked, states, errors, warnings } = prepare(["a", "b"]);
  for (const path of ["a", "b"]) states.set(path, "gone");
  for (let times = 0; times < 5000; times++) {
    asked.set("a", 1).set("b", 1);
    for (const path of ["a", "b"]) answers.add(path);
  }
  await answers.end();
  expect(errors).toEqual([
    "a: version 1 is asked for again by group hub but is gone",
    "b: version 1 is asked for again by group hub but is gone",
  ]);
  expect(warnings.length).toBeLessThan(5);
});

test("a group's requests do not wait behind all that another one, or any number of made-up ones, has asked for before", async () => {
  const { answers, addAll, answer, groups, asked, versions } = prepare(many(3000));
  for (const [at, path] of many(3000).entries()) groups.set(path, at % 3 === 0 ? ["hub"] : [`made-up-${at}`]);
  addAll();
  for (const path of ["new-1", "new-2"]) {
    for (const known of [versions, asked]) known.set(path, 1);
    groups.set(path, ["mirror"]);
    answers.add(path);
  }
  const order: string[] = [];
  for (let count = 0; count < 3002; count++) order.push(await answer());
  await answers.end();
  expect(order.indexOf("new-2")).toBeLessThan(30);
  const strangers = order.slice(0, 1000).filter((path) => groups.get(path)?.[0]?.startsWith("made-up"));
  expect(strangers.length).toBeGreaterThan(400);
  expect(strangers.length).toBeLessThan(600);
});

test("what a group is to wait for, as it was sent again to another one just now, waits only for that one", async () => {
  const { answers, addAll, answer, asked, groups } = prepare(["a"]);
  groups.set("a", ["stranger"]);
  addAll();
  await answer("a");
  while (asked.size > 0) await Bun.sleep(1);
  asked.set("a", 1);
  answers.add("a");
  groups.set("a", ["stranger", "hub"]);
  answers.add("a");
  await answer("a");
  await answers.end();
  expect(asked.size).toBe(0);
});
