/** The port: who may ask what, who has it, and what comes of garbage. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort, runStatus } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { freePort } from "../support/free-port.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const defaultPort = 9480;

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
    runStatus(scene, ["--http", http.address], token === undefined ? {} : { STREAMSEND_HTTP_TOKEN: token });
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

test("status asks where the configuration says, as it says", async () => {
  const scene = await openScene();
  const token = join(await scene.folder("secrets"), "token");
  await writeFile(token, "s3cret\n");
  const http = { listen: `0.0.0.0:${freePort()}`, token_file: token };
  const uploader = await scene.uploader(await scene.folder("source"), { settings: { http } });
  await uploader.waitForLine(/HTTP on /);
  const config = await scene.configuration({ http });
  const asked = await waitUntil("it is ready", async () => {
    const answer = await runStatus(scene, ["--config", config, "--ready"]);
    return answer.code === 0 && answer;
  });
  expect(asked.output).toMatch(/^uploader uploader on .*\nstate {6}ready\n/);
  const variables = { STREAMSEND_HTTP_LISTEN: http.listen, STREAMSEND_HTTP_TOKEN_FILE: token };
  expect((await runStatus(scene, [], variables)).code).toBe(0);
  const other = await runStatus(scene, [], { ...variables, STREAMSEND_HTTP_TOKEN_FILE: "" });
  expect([other.code, other.errors]).toEqual([1, expect.stringContaining("asks for its token")]);
  expect((await runStatus(scene, ["--config", config, "--http", "127.0.0.1:1"])).code).toBe(2);
  for (const listen of ["off", "127.0.0.1:0"]) {
    const { code, errors } = await runStatus(scene, ["--set", `http.listen=${listen}`]);
    expect([code, errors]).toEqual([1, expect.stringContaining("http.listen")]);
  }
});

test("an agent that is not ready answers, and --ready says that it is not", async () => {
  const scene = await openScene();
  const listen = `127.0.0.1:${freePort()}`;
  const agent = await withoutBrokers(scene, listen);
  await agent.waitForLine(/HTTP on /);
  expect((await runStatus(scene, ["--http", listen])).code).toBe(0);
  const { code, output } = await runStatus(scene, ["--http", listen, "--ready"]);
  expect([code, output]).toEqual([1, expect.stringMatching(/\nstate {6}not ready\n/)]);
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
  const stranger = await runStatus(scene, ["--http", address], environment);
  expect(stranger).toEqual({
    code: 1,
    output: "",
    errors: expect.stringMatching(/^streamsend-agent: .* is no streamsend-agent.*\n$/),
  });
  await other.stop(true);
  expect(await runStatus(scene, ["--http", address])).toEqual({
    code: 1,
    output: "",
    errors: expect.stringMatching(/^streamsend-agent: no agent answers on 127\.0\.0\.1:\d+: .*\n$/),
  });
  for (const wrong of ["", "x/y", "127.0.0.1:99999", "user@host:1", "https://127.0.0.1:1"])
    expect([wrong, (await runStatus(scene, ["--http", wrong])).code]).toEqual([wrong, 2]);
});

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
