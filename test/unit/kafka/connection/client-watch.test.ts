/** What a client says beside its answers, and what becomes of it: a trouble for as long as it lasts, or a client made anew. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import { createServer, type Server } from "node:net";
import { ClientWatch, readObstacle } from "../../../../agent/kafka/connection/client-watch.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { waitUntil } from "../../../support/wait.ts";

const log = new Log({ level: "error", format: "text", agent: "till" });
let open: Server[] = [];
let client: EventEmitter;
let fingerprint: string;

beforeEach(() => {
  client = new EventEmitter();
  fingerprint = "first";
});

afterEach(() => {
  client.emit("disconnected");
  expect(troubles()).toEqual([]);
  for (const server of open) server.close();
  open = [];
});

function troubles(): string[] {
  return [...log.troubles.open].map(({ what, reason }) => `${what}: ${reason}`);
}

function watch(brokers: string, of = client, protocol = "plaintext"): ClientWatch {
  const properties = { "bootstrap.servers": brokers, "security.protocol": protocol };
  return new ClientWatch(of, { log, properties, fingerprint: () => fingerprint });
}

async function listen(): Promise<string> {
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  open.push(server);
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const refused = "sasl_plaintext://127.0.0.1:5/1: SASL authentication error: Authentication failed";
const unreachable = "127.0.0.1:1/7: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms)";

function broker(nodename: string, state: string) {
  return { [nodename]: { source: "learned", state, disconnects: 0, rx: 0, nodename } };
}

test.each<[string, ReturnType<typeof readObstacle>]>([
  [
    "[thrd:kafka-internal:9092/1]: kafka-internal:9092/1: Failed to resolve 'kafka-internal:9092': Name or service not known (after 1ms in state CONNECT)",
    {
      kind: "address",
      address: "kafka-internal:9092",
      id: 1,
      reason: expect.stringContaining("Failed to resolve"),
    },
  ],
  [
    "ssl://[::1]:9093/bootstrap: Connect to ipv6#[::1]:9093 failed: Connection refused",
    { kind: "address", address: "[::1]:9093", id: undefined, reason: expect.any(String) },
  ],
  [
    "sasl_ssl://10.0.0.1:9093/3: SASL authentication error: Authentication failed: Invalid username or password",
    { kind: "kafka.sasl", address: "10.0.0.1:9093", id: 3, reason: expect.stringContaining("login") },
  ],
  [
    "GroupCoordinator: broker-2:9092: Connect to ipv4#10.0.0.2:9092 failed: Connection refused",
    { kind: "address", address: "broker-2:9092", id: undefined, reason: expect.any(String) },
  ],
  ["127.0.0.1:9092/1: Disconnected (after 3000ms in state UP)", undefined],
  ["hello", undefined],
])("%s", (line, obstacle) => {
  expect(readObstacle(line)).toEqual(obstacle as never);
});

test("a refused login is one trouble of all clients, until the last of them is through", async () => {
  const another = new EventEmitter();
  const watches = [watch("127.0.0.1:5"), watch("127.0.0.1:5", another)];
  for (const one of [client, another]) one.emit("event.error", new Error(refused));
  await waitUntil("it is said", () => watches.every(({ isExplained }) => isExplained));
  expect(troubles()).toEqual([expect.stringMatching(/^kafka\.sasl: the login was refused/)]);
  watches[0]?.look(broker("127.0.0.1:5", "UP"));
  watches[1]?.look(broker("127.0.0.1:5", "CONNECT"));
  expect(troubles().length).toBe(1);
  another.emit("disconnected");
  expect(troubles()).toEqual([]);
});

test("a client that is refused is made anew when what it logs in with was changed since, before the refusal or after it", async () => {
  const reasons: string[] = [];
  const watched = watch("127.0.0.1:5");
  watched.onOutdated = (reason) => reasons.push(reason);
  watched.look(broker("127.0.0.1:5", "UP"));
  fingerprint = "second";
  watched.look(broker("127.0.0.1:5", "UP"));
  expect(reasons).toEqual([]);
  client.emit("event.error", new Error(refused));
  expect(reasons.length).toBe(1);
  fingerprint = "first";
  client.emit("event.error", new Error(refused));
  await waitUntil("it is said", () => watched.isExplained);
  fingerprint = "third";
  watched.look(broker("127.0.0.1:5", "AUTH_REQ"));
  expect(reasons.length).toBe(2);
});

test("a certificate that is refused, for which a handshake of our own finds no reason, is a trouble once it has lasted", async () => {
  const address = await listen();
  const watched = watch(address, client, "ssl");
  const problem = "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed";
  client.emit("event.error", new Error(`ssl://${address}/1: ${problem}`));
  watched.look(broker(address, "CONNECT"));
  expect(await watched.explain()).toBe(false);
  watched.look(broker(address, "CONNECT"));
  expect(await watched.explain()).toBe(true);
  expect(troubles()).toEqual([expect.stringMatching(/^kafka\.tls: .*not signed by a known authority/)]);
});

test("an address that leads to nobody is a trouble once it has lasted, while another broker answers", async () => {
  const watched = watch(await listen());
  client.emit("event.error", new Error(unreachable));
  watched.look(broker("127.0.0.1:1", "CONNECT"));
  expect(troubles()).toEqual([]);
  watched.look(broker("127.0.0.1:1", "CONNECT"));
  await waitUntil("it is said", () => watched.isExplained);
  expect(troubles()).toEqual([
    expect.stringMatching(/^kafka\.brokers: broker 7 advertises 127\.0\.0\.1:1, which can't be reached/),
  ]);
  watched.look(broker("127.0.0.1:1", "UP"));
  expect(troubles()).toEqual([]);
});

test("an outage of all brokers is no wrong address", async () => {
  const watched = watch("127.0.0.1:2");
  client.emit("event.error", new Error(unreachable));
  expect(await watched.explain()).toBe(false);
  expect(troubles()).toEqual([]);
});
