import { expect, test } from "bun:test";
import { chmod, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree } from "../support/compare.ts";
import { freePort } from "../support/free-port.ts";
import { startKafka } from "../support/kafka.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const defaultPort = 9480;

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
  await (await AgentHttp.of(downloader)).waitForReadiness(true);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
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
  const { code, output } = await status(scene, ["--http", http.address]);
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

test("with a token only the health is for everybody", async () => {
  const scene = await openScene();
  const settings = { http: { listen: "127.0.0.1:0", token: "s3cret" } };
  const uploader = await scene.uploader(await scene.folder("source"), { settings });
  const http = await AgentHttp.of(uploader);
  expect((await http.get("/healthz")).status).toBe(200);
  for (const path of ["/", "/readyz", "/metrics", "/api/status", "/nope"]) {
    expect([path, (await http.get(path)).status]).toEqual([path, 401]);
    const wrong = await http.get(path, { headers: { Authorization: "Bearer s3cre" } });
    expect([path, wrong.status]).toEqual([path, 401]);
    const right = await http.get(path, { headers: { Authorization: "Bearer s3cret" } });
    expect([path, right.status !== 401]).toEqual([path, true]);
  }
  const person = await http.get("/", { headers: { Authorization: `Basic ${btoa("me:s3cret")}` } });
  expect(await person.text()).toStartWith("<!doctype html>");

  const ask = (token?: string) =>
    status(scene, ["--http", http.address], token === undefined ? {} : { STREAMSEND_HTTP_TOKEN: token });
  expect(await ask("s3cret")).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^uploader uploader on /),
  });
  const line = /^streamsend-agent: .*STREAMSEND_HTTP_TOKEN.*\n$/;
  for (const token of [undefined, "", "wrong"])
    expect(await ask(token)).toEqual({ code: 1, output: "", errors: expect.stringMatching(line) });
  expect(uploader.output).not.toContain("s3cret");
});

test("whatever is sent to the port, the agent goes on", async () => {
  const scene = await openScene();
  const uploader = await scene.uploader(await scene.folder("source"), { settings: anyPort });
  const http = await AgentHttp.of(uploader);
  const host = "Host: localhost\r\n";
  const garbage: [request: string | Uint8Array, answer: RegExp][] = [
    [`GET /healthz HTTP/1.1\r\n${host}\r\n`, /^HTTP\/1\.1 200 (.*\r\n)+\r\nok\n$/],
    [`GET /healthz HTTP/1.1\r\n${host}X: ${"a".repeat(100_000)}\r\n\r\n`, /^(HTTP\/1\.1 431 |$)/],
    [`GET /${"a".repeat(100_000)} HTTP/1.1\r\n${host}\r\n`, /^(HTTP\/1\.1 431 |$)/],
    [`POST /metrics HTTP/1.1\r\n${host}Content-Length: 99999999999\r\n\r\n`, /^HTTP\/1\.1 4(05|13) /],
    [`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /^HTTP\/1\.1 4/],
    ["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET /healthz HTTP/1.1\r\nHost: %%%\r\n\r\n", /^HTTP\/1\.1 200 /],
    ["GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", /^HTTP\/1\.1 421 /],
    [`GET /%00%ff%zz/../../etc/passwd HTTP/1.1\r\n${host}\r\n`, /^HTTP\/1\.1 404 /],
    [`CONNECT evil.example:80 HTTP/1.1\r\n${host}\r\n`, /^HTTP\/1\.1 4/],
    [`TRACE / HTTP/1.1\r\n${host}\r\n`, /^HTTP\/1\.1 405 /],
    [`BREW / HTTP/1.1\r\n${host}\r\n`, /^(HTTP\/1\.1 4|$)/],
    ["\r\n\r\n\r\n", /^(HTTP\/1\.1 400 |$)/],
    [new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), /^(HTTP\/1\.1 400 |$)/],
    [crypto.getRandomValues(new Uint8Array(65_536)), /^(HTTP\/1\.1 [45]|$)/],
  ];
  const answers = await Promise.all(
    garbage.map(async ([request, expected]) => ({ request, expected, got: await http.raw(request) })),
  );
  for (const { request, expected, got } of answers)
    expect([String(request).slice(0, 60), got]).toEqual([
      String(request).slice(0, 60),
      expect.stringMatching(expected),
    ]);
  expect((await http.get("/healthz")).status).toBe(200);
  await http.waitForReadiness(true);
  uploader.signal("SIGTERM");
  expect(await uploader.waitForExit()).toBe(0);
});

test("a default port that is taken is a warning, one that was asked for an error", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  // Or else somebody has it already, which is as good.
  const taker = takePort(defaultPort);
  try {
    const config = await scene.configuration({
      role: "uploader",
      kafka: { brokers: scene.brokers, topic: scene.topic, ledger_partitions: 4 },
      uploader: { watch: [{ path: source }] },
    });
    const byDefault = scene.agent(["--config", config, "--once"]);
    expect(await byDefault.waitForExit()).toBe(0);
    expect(byDefault.output).toMatch(/WARN .*127\.0\.0\.1:9480 is taken by another program: no HTTP/);

    const asked = scene.agent(["--config", config, "--set", `http.listen=127.0.0.1:${defaultPort}`]);
    expect(await asked.waitForExit()).toBe(1);
    expect(asked.output).toMatch(/ERROR .*http\.listen: 127\.0\.0\.1:9480 is taken by another program/);

    const nowhere = scene.agent(["--config", config, "--set", "http.listen=192.0.2.1:9480"]);
    expect(await nowhere.waitForExit()).toBe(1);
    expect(nowhere.output).toMatch(/ERROR .*http\.listen: 192\.0\.2\.1:9480 can't be had/);
  } finally {
    taker?.stop(true);
  }
});

test("with http.listen off nobody listens", async () => {
  const scene = await openScene();
  const uploader = await scene.uploader(await scene.folder("source"), { args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  expect(uploader.output).not.toContain("HTTP");
});

test("status says in one line that nobody answers, or somebody else", async () => {
  const scene = await openScene();
  const other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
  const address = `127.0.0.1:${other.port}`;
  // Nobody's proxy is asked about this machine.
  const environment = { http_proxy: "http://127.0.0.1:1", HTTP_PROXY: "http://127.0.0.1:1" };
  const stranger = await status(scene, ["--http", address], environment);
  expect(stranger).toEqual({
    code: 1,
    output: "",
    errors: expect.stringMatching(/^streamsend-agent: .* is no streamsend-agent.*\n$/),
  });
  await other.stop(true);
  expect(await status(scene, ["--http", address])).toEqual({
    code: 1,
    output: "",
    errors: expect.stringMatching(/^streamsend-agent: no agent answers on 127\.0\.0\.1:\d+: .*\n$/),
  });
  for (const wrong of ["", "x/y", "127.0.0.1:99999", "user@host:1", "https://127.0.0.1:1"])
    expect([wrong, (await status(scene, ["--http", wrong])).code]).toEqual([wrong, 2]);
});

async function status(scene: Scene, args: readonly string[], env: Record<string, string> = {}) {
  const agent: AgentProcess = scene.agent(["status", ...args], { env });
  const code = await agent.waitForExit();
  return { code, output: agent.output, errors: agent.errors };
}

function takePort(port: number): { stop(now: boolean): void } | undefined {
  try {
    return Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
  } catch {
    return undefined;
  }
}

const sharedPort = [
  ["127.0.0.1", "127.0.0.1"],
  ["0.0.0.0", "127.0.0.1"],
  ["127.0.0.1", "0.0.0.0"],
  ["[::]", "127.0.0.1"],
] as const;

test.each(sharedPort)("a port that one agent has on %s is no other agent's on %s", async (first, second) => {
  const scene = await openScene();
  const port = freePort();
  const holder = await withoutBrokers(scene, `${first}:${port}`);
  await holder.waitForLine(/HTTP on /);
  const other = await withoutBrokers(scene, `${second}:${port}`);
  expect(await other.waitForExit(), other.report()).toBe(1);
  expect(other.output).toMatch(/ERROR .*http\.listen: \S+ is taken by another program/);
  expect(other.output).not.toContain("HTTP on");
  expect(holder.isRunning).toBe(true);
});

test("of agents that start at the same moment one gets the port", async () => {
  const scene = await openScene();
  const listen = `127.0.0.1:${freePort()}`;
  const agents = await Promise.all(Array.from({ length: 5 }, () => withoutBrokers(scene, listen)));
  await waitUntil(
    "all have tried",
    () => agents.every(({ output, isRunning }) => !isRunning || output.includes("HTTP on")),
    { detail: () => agents.map((agent) => agent.report()).join("\n") },
  );
  expect(agents.filter(({ isRunning }) => isRunning)).toHaveLength(1);
  expect(agents.filter(({ output }) => output.includes("is taken by another program"))).toHaveLength(4);
});

/** An uploader that waits for its brokers for as long as the test lasts. */
async function withoutBrokers(scene: Scene, listen: string): Promise<AgentProcess> {
  const watch = await scene.folder("source");
  return scene.uploader(watch, { kafka: { brokers: "127.0.0.1:1" }, settings: { http: { listen } } });
}
