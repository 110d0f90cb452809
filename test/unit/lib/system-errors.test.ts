import { expect, test } from "bun:test";
import { messageOf } from "../../../agent/lib/errors.ts";

const failed = (code: string, more: object = {}) =>
  Object.assign(new Error(`${code}: unknown error`), { code, ...more });

test("a system's error says what it was about, what it means, what to do, and its name", () => {
  const error = failed("EDQUOT", { syscall: "write", path: "/srv/inbox/a" });
  expect(messageOf(error)).toBe(
    "/srv/inbox/a: the disk quota is used up: delete files that count for it, or have it raised (`quota`) (EDQUOT, write)",
  );
  expect(messageOf(failed("EXDEV", { syscall: "rename", path: "/a", dest: "/b" }))).toBe(
    "/a to /b: it is on another file system (EXDEV, rename)",
  );
  expect(messageOf(failed("EIO"))).toBe("the disk, or the connection to it, fails: see `dmesg` (EIO)");
});

const cures: [string, RegExp][] = [
  ["EACCES", /right/],
  ["EMFILE", /ulimit -n/],
  ["ENFILE", /fs\.file-max/],
  ["ENOSPC", /make room/],
  ["ESTALE", /mount it again/],
  ["EROFS", /remount,rw/],
  ["EUCLEAN", /fsck/],
  ["EFBIG", /larger than this file system/],
];

test.each(cures)("%s has its cure", (code, cure) => {
  const message = messageOf(failed(code, { syscall: "open" }));
  expect(message).toMatch(cure);
  expect(message).not.toContain("unknown error");
});

test("an error of a network, and one of the agent's own, stay as they are", () => {
  expect(messageOf(failed("EACCES", { syscall: "listen" }))).toBe("EACCES: unknown error");
  expect(messageOf(new Error("no code"))).toBe("no code");
  expect(messageOf("a text")).toBe("a text");
});
