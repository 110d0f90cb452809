import { expect, test } from "bun:test";
import { carriesToken, isRebound } from "../../../agent/http/access.ts";

function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString("base64")}`;
}

test("the token is taken as a bearer's, or as the password of any user", () => {
  const token = "s3cret:with,marks=";
  for (const good of [`Bearer ${token}`, `bearer  ${token}`, basic(`me:${token}`), basic(`:${token}`)])
    expect([good, carriesToken(good, token)]).toEqual([good, true]);
});

test("anything else is no token", () => {
  const token = "s3cret";
  const bad = [
    null,
    "",
    token,
    "Bearer",
    "Bearer ",
    "Bearer s3cre",
    "Bearer s3crets",
    "Bearer S3CRET",
    `Bearer ${token} ${token}`,
    `Digest ${token}`,
    basic("me:s3cre"),
    basic(`${token}:me`),
    "Basic %%%",
    "Basic =",
    `Basic ${"a".repeat(100_000)}`,
    `Bearer ${"\u0000".repeat(10)}`,
  ];
  for (const header of bad) expect([header, carriesToken(header, token)]).toEqual([header, false]);
});

test("a loopback address answers only to its own names; others answer to any", () => {
  for (const host of ["127.0.0.1:9480", "localhost", "LOCALHOST:1", "[::1]:9480", "10.0.0.1:80", null])
    expect([host, isRebound("127.0.0.1", host)]).toEqual([host, false]);
  for (const host of [
    "evil.example",
    "evil.example:9480",
    "127.0.0.1.evil.example",
    "localhost.evil:1",
    "[::1].x",
    "%%",
  ])
    for (const listen of ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
      expect([host, isRebound(listen, host)]).toEqual([host, true]);
  expect(isRebound("0.0.0.0", "agent.example:9480")).toBe(false);
});
