import { expect, test } from "bun:test";
import { Troubles } from "../../../agent/lib/troubles.ts";
import { Observer } from "../../../agent/observe/observer.ts";
import { nothingListed } from "../../../agent/observe/status.ts";

function observe(role: "uploader" | "downloader" = "uploader") {
  const troubles = new Troubles();
  const observer = new Observer({ role, name: "till-1", version: "1.2.3", host: "till", troubles });
  return { observer, troubles };
}

const report = { waiting: 0, moving: nothingListed, parked: nothingListed, needed: nothingListed };

test("an agent is not ready while it starts, and says with what it is busy", () => {
  const { observer } = observe();
  expect(observer.notReady()).toEqual(["starting"]);
  observer.phase = "reading the ledger";
  expect(observer.notReady()).toEqual(["reading the ledger"]);
  observer.phase = undefined;
  expect([observer.notReady(), observer.report().ready]).toEqual([[], true]);
});

test("an agent is not ready for as long as a trouble lasts, or its role says why it pauses", () => {
  const { observer, troubles } = observe("downloader");
  observer.phase = undefined;
  const trouble = troubles.begin("downloading", "no space");
  let paused = ["less than min_free"];
  observer.source = { report: () => report, notReady: () => paused };
  expect(observer.notReady()).toEqual(["downloading: no space", "less than min_free"]);
  expect(observer.report()).toMatchObject({
    ready: false,
    reasons: ["downloading: no space", "less than min_free"],
    paused: ["less than min_free"],
    troubles: { count: 1, items: [{ what: "downloading", reason: "no space" }] },
  });
  troubles.end(trouble);
  paused = [];
  expect(observer.notReady()).toEqual([]);
});

test("whoever is stopping is not ready again, whatever else it still begins", () => {
  const { observer } = observe();
  observer.phase = "stopping";
  observer.phase = undefined;
  expect(observer.notReady()).toEqual(["stopping"]);
});

test("a thousand troubles are a hundred reasons and a count", () => {
  const { observer, troubles } = observe();
  observer.phase = undefined;
  for (let at = 0; at < 1000; at++) troubles.begin(`file ${at}`, "away");
  expect([observer.notReady().length, observer.notReady().at(-1)]).toEqual([101, "and 900 more"]);
  expect(observer.report().troubles.items).toHaveLength(100);
});

test("the report has what went well, what failed and who says so", () => {
  const { observer } = observe();
  observer.failed("failed", "b", "no right");
  observer.failed("failed", "c", "no right");
  observer.done("sent", "a");
  observer.done("sent", "b");
  observer.done("delivered", "a");
  observer.kafkaConnected = () => true;
  expect(observer.report()).toMatchObject({
    role: "uploader",
    name: "till-1",
    version: "1.2.3",
    host: "till",
    kafkaConnected: true,
    sent: { count: 2, last: { path: "b" } },
    delivered: { count: 1, last: { path: "a" } },
    failed: { count: 1, items: [{ path: "c", reason: "no right" }] },
  });
});
