import { expect, test } from "bun:test";
import { formatStatus } from "../../../agent/commands/status-text.ts";
import { Troubles } from "../../../agent/lib/troubles.ts";
import { Observer } from "../../../agent/observe/observer.ts";
import { listed, nothingListed } from "../../../agent/observe/status.ts";

function observe(role: "uploader" | "downloader") {
  const troubles = new Troubles();
  const observer = new Observer({ role, name: "till", version: "1.2.3", host: "box", troubles });
  observer.phase = undefined;
  return { observer, format: () => formatStatus(JSON.stringify(observer.report()))?.text };
}

test("what an agent reports is shown in full", () => {
  const { observer, format } = observe("downloader");
  const files = Array.from({ length: 150 }, (_, at) => ({
    path: `f${at}`,
    version: 1,
    bytes: at,
    size: 200,
  }));
  observer.source = {
    report: () => ({
      waiting: 7,
      moving: listed(files, 150, (file) => file),
      parked: { count: 1, items: [{ path: "p", reason: "format 2" }] },
      needed: { count: 1, items: [{ path: "n", version: 1, bytes: 42 }] },
      lag: 99,
    }),
    notReady: () => ["less than min_free"],
  };
  observer.done("delivered", "done.txt");
  observer.failed("failed", "bad.txt", "no right");
  const text = format() ?? "";
  expect(text).toMatch(/^downloader till on box, version 1\.2\.3, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n/);
  expect(text).toContain("state      not ready\n           less than min_free\n");
  expect(text).toContain("moving     150\n  f0: 0 of 200 bytes\n");
  expect(text).toContain("  f99: 99 of 200 bytes\n  and 50 more\n");
  expect(text).toMatch(/delivered {2}1, last done\.txt \(.*\)\n/);
  expect(text).toContain("lag        99 chunks\n");
  expect(text).toContain("needed     1\n  n: 42 bytes asked for again\n");
  expect(text).toContain("parked     1\n  p: format 2\n");
  expect(text).toMatch(/failed {5}1\n {2}bad\.txt: no right \(.*\)\n$/);
  expect(text).not.toContain("\nsent ");
});

test("an uploader's files that the brokers have are shown apart from the delivered ones", () => {
  const { observer, format } = observe("uploader");
  observer.done("sent", "a");
  expect(format()).toMatch(/state {6}ready\n.*\nsent {7}1, last a \(.*\)\nwaiting/);
  observer.done("delivered", "a");
  expect(format()).toMatch(/\nsent {7}1, last a \(.*\)\ndelivered {2}1, last a \(.*\)\n/);
});

test("no name plays with the terminal", () => {
  const { observer, format } = observe("uploader");
  observer.source = {
    report: () => ({ waiting: 0, moving: nothingListed, parked: nothingListed, needed: nothingListed }),
    notReady: () => ["\u001b[2Jevil\nready"],
  };
  expect(format()).toContain("           \\x1b[2Jevil\\x0aready\n");
});

test("what is no report is refused, whatever it is", () => {
  const report = observe("uploader").observer.report();
  const others = [
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "{}",
    JSON.stringify({ ...report, since: "soon" }),
    JSON.stringify({ ...report, moving: [] }),
    JSON.stringify({ ...report, failed: { count: -1, items: [] } }),
    JSON.stringify({ ...report, reasons: [1] }),
  ];
  for (const body of others) expect([body, formatStatus(body)]).toEqual([body, undefined]);
});
