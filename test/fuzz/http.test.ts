/** Whatever is asked over HTTP is answered; nobody gets anything without the token; nothing that is sent ends the server. */
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { answer, statusLine } from "../../agent/http/routes.ts";
import { startHttp } from "../../agent/http/server.ts";
import { StatusEvents } from "../../agent/http/status-events.ts";
import { FileSearch } from "../../agent/ledger/find/file-search.ts";
import { Troubles } from "../../agent/lib/troubles.ts";
import { History } from "../../agent/observe/history.ts";
import { Log } from "../../agent/observe/log.ts";
import { Observer } from "../../agent/observe/observer.ts";
import { freePort } from "../support/free-port.ts";
import type { Random } from "../support/random.ts";
import { fuzzAsync, isWhole } from "./inputs.ts";
import { mutated, mutatedBytes, oddTexts } from "./odd-texts.ts";

const token = "a-token";
const paths = [
  "/",
  "/healthz",
  "/readyz",
  "/metrics",
  "/api/status",
  "/api/history",
  "/api/events",
  "/api/files",
  "/api/files?q=a&state=sent&limit=3",
  "/api/../healthz",
  "//healthz",
  "/%2e%2e",
  "*",
];
const statuses = [200, 400, 401, 404, 405, 421, 503];

test("requests", async () => {
  const seen = new Set<number>();
  const observer = anObserver();
  const events = new StatusEvents(() => statusLine(observer));
  const history = new History(observer.metrics);
  await fuzzAsync("requests", 19, async (random) => {
    const isGuarded = random.below(2) === 0;
    const options = {
      ...{ observer, history, events, search: aSearch(), stayOpen: () => undefined },
      host: random.pick(["127.0.0.1", "0.0.0.0"]),
      token: isGuarded ? token : undefined,
    };
    const { question, hasToken } = anyQuestion(random);
    const { status, body } = await answer(options, question);
    await body?.cancel();
    if (!statuses.includes(status)) throw new Error(`status ${status}`);
    const isFree = /^[a-z]*(:\/\/[^/?#]*)?\/healthz([?#]|$)/s.test(question.url);
    if (isGuarded && !hasToken && !isFree && status !== 401)
      throw new Error(`status ${status} without the token`);
    seen.add(status);
  });
  if (isWhole) expect([...seen].sort()).toEqual(statuses);
});

test("connections", async () => {
  const log = new Log({ level: "error", format: "text", agent: "fuzz" });
  const port = freePort();
  const http = { listen: { host: "127.0.0.1", port }, listenIsDefault: false, token };
  const server = startHttp(http, { observer: anObserver(), search: aSearch() }, log);
  try {
    await fuzzAsync("connections", 1, (random) => sendRaw(port, anyBytes(random)));
    const health = await fetch(`http://127.0.0.1:${port}/healthz`);
    expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
    expect((await fetch(`http://127.0.0.1:${port}/api/status`)).status).toBe(401);
  } finally {
    server?.stop();
  }
});

/** Without a ledger. */
function aSearch(): FileSearch {
  return new FileSearch({ uploader: undefined, now: () => performance.now() });
}

function anObserver(): Observer {
  const troubles = new Troubles();
  return new Observer({ role: "uploader", name: "till", version: "1", host: "h", troubles });
}

function anyQuestion(random: Random): {
  question: Pick<Request, "url" | "method" | "headers">;
  hasToken: boolean;
} {
  const path = random.below(3) === 0 ? mutated(random, random.pick(paths)) : random.pick(paths);
  const host = random.pick([
    "http://127.0.0.1:9480",
    "http://a",
    "",
    "https://[::1]",
    "http://a@b:1",
    random.pick(oddTexts),
  ]);
  const login = random.pick([
    `Bearer ${token}`,
    `Basic ${btoa(`u:${token}`)}`,
    "Bearer ",
    "Basic !",
    random.pick(oddTexts),
  ]);
  const authorization = random.below(4) === 0 ? mutated(random, login) : login;
  const headers = new Headers();
  for (const [name, value] of [
    ["authorization", authorization],
    ["host", random.pick(["127.0.0.1:9480", "localhost", "evil.example", "[::1]:1", random.pick(oddTexts)])],
  ] as const) {
    try {
      if (random.below(5) > 0) headers.set(name, value);
    } catch {
      // No server passes on what is no header.
    }
  }
  const sent = headers.get("authorization") ?? "";
  const method = random.pick(["GET", "HEAD", "POST", "DELETE", "OPTIONS", random.pick(oddTexts)]);
  // Whoever sends it in any form has it.
  const hasToken = sent.includes(token) || /^basic /i.test(sent);
  return { question: { url: `${host}${path}`, method, headers }, hasToken };
}

function anyBytes(random: Random): Buffer {
  const head = `${random.pick(["GET", "POST", "HEAD", "\0"])} ${random.pick(paths)} HTTP/1.${random.below(3)}`;
  const header = () =>
    random.pick([
      "Host: a",
      "Content-Length: 99999999999",
      "Transfer-Encoding: chunked",
      "Connection: upgrade",
      `X: ${"x".repeat(random.below(20_000))}`,
      random.pick(oddTexts),
    ]);
  const request = [head, ...random.list(random.below(4), header), "", random.pick(oddTexts)].join("\r\n");
  return random.below(2) === 0 ? Buffer.from(request) : mutatedBytes(random, Buffer.from(request));
}

/** Sends it and takes whatever comes first: an answer, a hang-up, or nothing for a moment. */
function sendRaw(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.setTimeout(200, () => socket.destroy());
    socket.on("data", () => socket.destroy());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") reject(new Error("the server is gone"));
    });
    socket.on("close", () => resolve());
  });
}
