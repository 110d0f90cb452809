/** What an agent tells of its work by HTTP: metrics, its status, and whether it is ready. */
import { expect, test } from "bun:test";
import { chmod, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort, runStatus } from "../support/agent-http.ts";
import { expectSameTree } from "../support/compare.ts";
import { startKafka } from "../support/kafka.ts";
import { useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

const promised = [
  ["streamsend_files_total", { role: "uploader", result: "sent" }],
  ["streamsend_bytes_total", { role: "uploader" }],
  ["streamsend_chunks_total", { role: "uploader", result: "sent" }],
  ["streamsend_in_flight_bytes"],
  ["streamsend_incomplete_files"],
  ["streamsend_last_success_timestamp_seconds"],
  ["streamsend_kafka_connected"],
  ["streamsend_consumer_lag_chunks"],
  ["process_resident_memory_bytes"],
] as const;

test("what was sent is counted, and told with its name, whatever it is called", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const uploader = await scene.uploader(source, { settings: anyPort });
  const http = await AgentHttp.of(uploader);
  await http.waitForReadiness(true);
  const before = Object.fromEntries(
    await Promise.all(promised.map(async ([name, labels]) => [name, await http.metric(name, labels)])),
  ) as Record<string, number>;
  expect(before).toMatchObject({ streamsend_files_total: 0, streamsend_kafka_connected: 1 });
  expect(before.process_resident_memory_bytes).toBeGreaterThan(10 << 20);
  const name = 'a "quoted"\nname <b>&amp;';
  await writeFile(join(source, name), "x".repeat(1234));
  await waitUntil("it is sent", async () => (await http.metric(...promised[0])) === 1);
  expect(await http.metric(...promised[1])).toBe(1234);
  expect(await http.metric(...promised[2])).toBe(1);
  expect(await http.metric(promised[5][0])).toBeGreaterThan(1e9);
  expect(await http.status()).toMatchObject({
    role: "uploader",
    name: "uploader",
    ready: true,
    sent: { count: 1, last: { path: 'a "quoted"\\x0aname <b>&amp;' } },
    moving: { count: 0, items: [] },
    failed: { count: 0, items: [] },
  });
  const downloader = await scene.downloader(output, { settings: anyPort });
  const hub = await AgentHttp.of(downloader);
  await hub.waitForReadiness(true);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  type Fleet = { uploaders: { items: { files: number; inFlight: number }[] } };
  const fleet = await waitUntil("it is delivered", async () => {
    const { uploaders } = (await hub.status()) as Fleet;
    const [only] = uploaders.items;
    return only?.files === 1 && only.inFlight === 0 && uploaders;
  });
  expect(fleet).toEqual({
    count: 1,
    items: [
      {
        ...{ name: "uploader", lastSeen: expect.stringMatching(/^20\d\d-.*Z$/), files: 1, bytes: 1234 },
        ...{ inFlight: 0, failed: 0 },
      },
    ],
  } as never);
});

test("a file that moves is shown with its progress", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeLargeFile(join(source, "video.avi"), 8 << 20);
  const slowly = { chunk: 65_536, rate: "1MB/s", in_flight: "512KiB" };
  const uploader = await scene.uploader(source, { uploader: slowly, settings: anyPort });
  const http = await AgentHttp.of(uploader);
  type Moving = { moving: { items: { path: string; bytes: number; size: number; version: number }[] } };
  const [first] = await waitUntil("it moves", async () => {
    const { moving } = (await http.status()) as Moving;
    return (moving.items[0]?.bytes ?? 0) > 0 && moving.items;
  });
  expect(first).toMatchObject({ path: "video.avi", size: 8 << 20, version: expect.any(Number) });
  expect(await http.metric("streamsend_incomplete_files")).toBe(1);
  expect(await http.metric("streamsend_in_flight_bytes")).toBeGreaterThan(0);
  const { code, output } = await runStatus(scene, ["--http", http.address]);
  expect([code, output]).toEqual([
    0,
    expect.stringMatching(/moving {5}1\n {2}video\.avi: \d+ of 8388608 bytes\n/),
  ]);
});

test("a file that can't be sent is told with the reason, and no longer once it was", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const closed = join(source, "closed.txt");
  await writeFile(closed, "closed");
  await chmod(closed, 0o000);
  // Root may read anything, so somebody else sends.
  const launcher =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const executable = await scene.executableForAll();
  const uploader = await scene.uploader(source, { settings: anyPort, launcher, executable });
  const http = await AgentHttp.of(uploader);
  const failed = { count: 1, items: [{ path: "closed.txt", reason: expect.stringContaining("EACCES") }] };
  await waitUntil("it has failed", async () => (await http.metric("streamsend_failed_files")) === 1);
  expect(await http.status()).toMatchObject({ failed });
  await chmod(closed, 0o444);
  await waitUntil("it is sent", async () => (await http.metric(...promised[0])) === 1);
  expect(await http.metric("streamsend_failed_files")).toBe(0);
  expect(await http.status()).toMatchObject({ failed: { count: 0, items: [] } });
});

test("a watch that is not there makes the agent unready, and says which one; then it is ready again", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const uploader = await scene.uploader(source, { settings: anyPort });
  const http = await AgentHttp.of(uploader);
  await http.waitForReadiness(true);
  await rename(source, `${source}-away`);
  const reasons = await http.waitForReadiness(false, /can't be read/);
  expect(reasons.join("\n")).toContain(source);
  expect(await http.status()).toMatchObject({ ready: false, paused: reasons });
  await rename(`${source}-away`, source);
  await http.waitForReadiness(true);
});

test("an output without room, and one that goes away, make the downloader unready for as long as that lasts", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const cramped = await scene.downloader(output, {
    downloader: { min_free: "1000000GB" },
    settings: anyPort,
  });
  await (await AgentHttp.of(cramped)).waitForReadiness(false, /downloader\.min_free/);
  await cramped.kill();

  const downloader = await scene.downloader(output, { settings: anyPort });
  const http = await AgentHttp.of(downloader);
  await http.waitForReadiness(true);
  await rename(output, `${output}-away`);
  await writeFile(join(source, "a.txt"), "a");
  const uploader = await scene.uploader(source);
  await http.waitForReadiness(false, /output .* is not there/);
  await rename(`${output}-away`, output);
  await http.waitForReadiness(true);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const delivered = { role: "downloader", result: "delivered" };
  await waitUntil(
    "it is counted",
    async () => (await http.metric("streamsend_files_total", delivered)) === 1,
  );
  expect(await http.metric("streamsend_bytes_total", { role: "downloader" })).toBeGreaterThanOrEqual(1);
  expect(await http.status()).toMatchObject({
    role: "downloader",
    delivered: { count: 1, last: { path: "uploader/a.txt" } },
    lag: 0,
  });
});

test("without brokers an agent is healthy and not ready, says why, and is ready when they are there", async () => {
  const kafka = await startKafka();
  const scene = await openScene();
  try {
    await kafka.kill();
    const own = { kafka: { brokers: kafka.bootstrap }, settings: anyPort };
    const agents = [
      await scene.uploader(await scene.folder("source"), own),
      await scene.downloader(await scene.folder("output"), own),
    ];
    const https = await Promise.all(agents.map((agent) => AgentHttp.of(agent)));
    for (const http of https) {
      await http.waitForReadiness(false, /no broker can be reached/);
      expect((await http.get("/healthz")).status).toBe(200);
      expect(await http.metric("streamsend_kafka_connected")).toBe(0);
    }
    await kafka.restart();
    for (const http of https) await http.waitForReadiness(true);
    await kafka.kill();
    for (const http of https) {
      await http.waitForReadiness(false, /no broker can be reached/);
      expect((await http.get("/healthz")).status).toBe(200);
      expect(await http.metric("streamsend_kafka_connected")).toBe(0);
    }
    await kafka.restart();
    for (const http of https) {
      await http.waitForReadiness(true);
      expect(await http.metric("streamsend_kafka_connected")).toBe(1);
    }
  } finally {
    await scene.close();
    await kafka.stop();
  }
});
