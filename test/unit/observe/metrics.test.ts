import { expect, test } from "bun:test";
import { Metrics } from "../../../agent/observe/metrics.ts";
import { parseMetrics } from "../../support/prometheus.ts";

const promised = [
  "streamsend_files_total",
  "streamsend_bytes_total",
  "streamsend_chunks_total",
  "streamsend_in_flight_bytes",
  "streamsend_incomplete_files",
  "streamsend_last_success_timestamp_seconds",
  "streamsend_kafka_connected",
  "streamsend_consumer_lag_chunks",
  "process_resident_memory_bytes",
];

test("every promised metric is there from the start, in both roles", async () => {
  for (const role of ["uploader", "downloader"] as const) {
    const samples = parseMetrics(await new Metrics(role, "1.2.3").text());
    const names = new Set(samples.map(({ name }) => name));
    expect(promised.filter((name) => !names.has(name))).toEqual([]);
    expect(samples.find(({ name }) => name === "streamsend_build_info")?.labels).toEqual({
      version: "1.2.3",
      role,
    });
  }
});

test("files, chunks and bytes are counted by role and result", async () => {
  const metrics = new Metrics("downloader", "1");
  metrics.chunk("placed", 700);
  metrics.chunk("placed", 300);
  metrics.chunk("duplicate");
  metrics.file("delivered");
  metrics.recovery("log");
  metrics.gap(17);
  metrics.needs();
  const of = await reader(metrics);
  expect(of("streamsend_chunks_total", { role: "downloader", result: "placed" })).toBe(2);
  expect(of("streamsend_chunks_total", { role: "downloader", result: "duplicate" })).toBe(1);
  expect(of("streamsend_bytes_total", { role: "downloader" })).toBe(1000);
  expect(of("streamsend_files_total", { role: "downloader", result: "delivered" })).toBe(1);
  expect(of("streamsend_recoveries_total", { way: "log" })).toBe(1);
  expect(of("streamsend_gaps_total", {})).toBe(17);
  expect(of("streamsend_needs_total", {})).toBe(1);
});

test("the time of the last success moves with what the role is there for, and with nothing else", async () => {
  const metrics = new Metrics("uploader", "1");
  metrics.file("failed");
  metrics.file("unchanged");
  metrics.file("delivered");
  expect((await reader(metrics))("streamsend_last_success_timestamp_seconds", {})).toBe(0);
  metrics.file("sent");
  expect((await reader(metrics))("streamsend_last_success_timestamp_seconds", {})).toBeGreaterThan(1e9);
});

test("gauges ask the parts that have named themselves; parts may do so one after the other", async () => {
  const metrics = new Metrics("uploader", "1");
  let bytes = 5;
  metrics.observe({ inFlightBytes: () => bytes, kafkaConnected: () => true });
  metrics.observe({ incompleteFiles: () => 3 });
  expect((await reader(metrics))("streamsend_in_flight_bytes", {})).toBe(5);
  bytes = 6;
  const of = await reader(metrics);
  expect(of("streamsend_in_flight_bytes", {})).toBe(6);
  expect(of("streamsend_incomplete_files", {})).toBe(3);
  expect(of("streamsend_kafka_connected", {})).toBe(1);
  expect(of("streamsend_consumer_lag_chunks", {})).toBe(0);
});

test("the numbers of the process are real ones", async () => {
  const of = await reader(new Metrics("uploader", "1"));
  expect(of("process_resident_memory_bytes", {})).toBeGreaterThan(1e6);
  expect(of("process_cpu_seconds_total", {})).toBeGreaterThan(0);
  const startedAt = of("process_start_time_seconds", {}) ?? 0;
  expect(Math.abs(startedAt - (Date.now() / 1000 - process.uptime()))).toBeLessThan(5);
});

async function reader(metrics: Metrics) {
  const samples = parseMetrics(await metrics.text());
  return (name: string, labels: Record<string, string>) =>
    samples.find((sample) => sample.name === name && Bun.deepEquals(sample.labels, labels))?.value;
}
