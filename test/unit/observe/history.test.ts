import { expect, test } from "bun:test";
import { History } from "../../../agent/observe/history.ts";
import { Metrics } from "../../../agent/observe/metrics.ts";

test("a row has what came in its time, and how it stood at its end", () => {
  const metrics = new Metrics("downloader", "1");
  let lag = 7;
  metrics.observe({ consumerLagChunks: () => lag });
  metrics.chunk("placed", 50);
  const history = new History(metrics);
  metrics.chunk("placed", 100);
  metrics.chunk("duplicate");
  metrics.file("delivered");
  metrics.file("failed");
  history.note();
  lag = 0;
  history.note();
  const time = expect.stringMatching(/^\d{4}-.*Z$/);
  const memory = expect.any(Number);
  expect(history.rows()).toEqual([
    { time, bytes: 100, files: 1, lag: 7, memory },
    { time, bytes: 0, files: 0, lag: 0, memory },
  ]);
  expect(history.rows()[0]?.memory).toBeGreaterThan(1 << 20);
});

test("of an hour and more the last hour is there, the oldest first", () => {
  const metrics = new Metrics("uploader", "1");
  const history = new History(metrics);
  for (let bytes = 1; bytes <= 1000; bytes++) {
    metrics.chunk("sent", bytes);
    history.note();
  }
  const rows = history.rows();
  expect(rows).toHaveLength(360);
  expect(rows.map(({ bytes }) => bytes)).toEqual(Array.from({ length: 360 }, (_, at) => 641 + at));
});
