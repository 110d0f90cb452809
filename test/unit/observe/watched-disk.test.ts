import { expect, test } from "bun:test";
import type { Disk } from "../../../agent/lib/disk.ts";
import { Stalls } from "../../../agent/observe/stalls.ts";
import { watchDisk } from "../../../agent/observe/watched-disk.ts";

test("every call to the disk and its files is passed on as it is, and watched", async () => {
  const calls: unknown[][] = [];
  const hung = Promise.withResolvers<unknown>();
  // Whatever is called notes its arguments and hangs.
  const note =
    (name: string) =>
    (...args: unknown[]) => {
      calls.push([name, ...args]);
      return hung.promise;
    };
  const file = new Proxy(
    {},
    { get: (_, name) => (name === "then" ? undefined : note(`file.${String(name)}`)) },
  );
  const disk = new Proxy({} as Disk, {
    get: (_, name) => (name === "open" ? async () => file : note(String(name))),
  });
  let nowMs = 0;
  const stalls = new Stalls(() => nowMs);
  const watched = watchDisk(disk, stalls, "/srv");
  const opened = await watched.open("/srv/a", true);
  const bytes = Buffer.from("x");
  const end = { mode: 0o640, mtime: 5n };
  const ask: (() => Promise<unknown>)[] = [
    () => watched.look("a"),
    () => watched.list("a"),
    () => watched.readText("a"),
    () => watched.freeBytes("a"),
    () => watched.blockBytes("a"),
    () => watched.mayChange("a"),
    () => watched.storeWhole("a", bytes, end),
    () => watched.writeText("a", "b"),
    () => watched.setModificationTime("a", 5n),
    () => watched.sync(["a"]),
    () => watched.rename("a", "b"),
    () => watched.link("a", "b"),
    () => watched.remove("a"),
    () => watched.makeFolder("a", 0o755),
    () => opened.read(bytes, 1, 2),
    () => opened.write(bytes, 3),
    () => opened.chmod(0o600),
    () => opened.close(),
  ];
  const results = ask.map((call) => call());
  expect(calls).toEqual([
    ["look", "a"],
    ["list", "a"],
    ["readText", "a"],
    ["freeBytes", "a"],
    ["blockBytes", "a"],
    ["mayChange", "a"],
    ["storeWhole", "a", bytes, end],
    ["writeText", "a", "b"],
    ["setModificationTime", "a", 5n],
    ["sync", ["a"]],
    ["rename", "a", "b"],
    ["link", "a", "b"],
    ["remove", "a"],
    ["makeFolder", "a", 0o755],
    ["file.read", bytes, 1, 2],
    ["file.write", bytes, 3],
    ["file.chmod", 0o600],
    ["file.close"],
  ]);
  nowMs = 60_000;
  expect(stalls.reasons()).toEqual(["reading below /srv has not ended for 60 s: the file system hangs"]);
  hung.resolve("result");
  expect(await Promise.all(results as Promise<unknown>[])).toEqual(ask.map(() => "result"));
  expect(stalls.reasons()).toEqual([]);
});
