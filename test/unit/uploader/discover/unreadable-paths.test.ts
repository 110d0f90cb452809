import { expect, test } from "bun:test";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { systemError } from "../../../../agent/uploader/discover/look.ts";
import { UnreadablePaths } from "../../../../agent/uploader/discover/unreadable-paths.ts";

const EACCES = 13;

function prepare() {
  const said: string[] = [];
  const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
    warn: (message: string) => said.push(message),
  });
  const config = { path: "/watch", as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} };
  const unread = new UnreadablePaths(new Watch(config, new FileSystemGate("/watch", 1, log)), log);
  const look = (...paths: readonly string[]) => {
    unread.beginLook();
    for (const path of paths) unread.add(path, systemError(EACCES, "scandir"));
    unread.endLook();
  };
  return { unread, said, look };
}

test("what can't be read is said once, until it can be, with how to leave it out", () => {
  const { unread, said, look } = prepare();
  look("lost+found", "a%0Ab");
  look("lost+found", "a%0Ab");
  expect(said).toHaveLength(2);
  expect(said[0]).toContain("/watch/lost+found: can't be read: ");
  expect(said[0]).toContain('exclude: ["lost+found/**"]');
  expect(unread.count).toBe(2);
  look("a%0Ab");
  expect(unread.count).toBe(1);
  look("lost+found");
  expect(said).toHaveLength(3);
});

test("the watch itself is the problem that is told", () => {
  const { unread, look } = prepare();
  look("");
  expect(unread.problem).toContain("/watch: can't be read: ");
  look();
  expect([unread.problem, unread.count]).toEqual([undefined, 0]);
});

test("of many only some have a line, the others are counted", () => {
  const { unread, said, look } = prepare();
  look(...Array.from({ length: 5000 }, (_, at) => `folder-${at}`));
  expect(said).toHaveLength(21);
  expect(said.at(-1)).toContain("4980 more");
  expect(unread.count).toBe(5000);
});
