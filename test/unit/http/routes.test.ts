import { expect, test } from "bun:test";
import fc from "fast-check";
import { answer, statusLine } from "../../../agent/http/routes.ts";
import { StatusEvents } from "../../../agent/http/status-events.ts";
import { FileSearch } from "../../../agent/ledger/find/file-search.ts";
import { Troubles } from "../../../agent/lib/troubles.ts";
import { History } from "../../../agent/observe/history.ts";
import { Observer } from "../../../agent/observe/observer.ts";
import { first, noted } from "../../support/entries.ts";
import { MemoryLedger } from "../../support/memory-ledger.ts";
import { parseMetrics } from "../../support/prometheus.ts";

function agent(token?: string) {
  const troubles = new Troubles();
  const observer = new Observer({ role: "uploader", name: "till", version: "1", host: "h", troubles });
  const options = optionsOf(observer, token);
  const ask = (path: string, init?: RequestInit) =>
    answer(options, new Request(`http://127.0.0.1:9480${path}`, init));
  return { observer, troubles, ask, search: options.search };
}

function optionsOf(observer: Observer, token: string | undefined) {
  const events = new StatusEvents(() => statusLine(observer));
  const history = new History(observer.metrics);
  const search = new FileSearch({ uploader: undefined, now: () => performance.now() });
  return { observer, history, events, search, host: "127.0.0.1", token, stayOpen: () => undefined };
}

const guarded = ["/", "/readyz", "/metrics", "/api/status", "/api/history"];

test("health is answered as long as anything is", async () => {
  const { ask } = agent();
  const response = await ask("/healthz");
  expect([response.status, await response.text()]).toEqual([200, "ok\n"]);
});

test("readiness is 503 with its reasons, then 200", async () => {
  const { ask, observer, troubles } = agent();
  observer.phase = undefined;
  const name = 'a "quoted" \n name';
  const trouble = troubles.begin(name, "away");
  const unready = await ask("/readyz");
  expect([unready.status, await unready.json()]).toEqual([503, { ready: false, reasons: [`${name}: away`] }]);
  troubles.end(trouble);
  const ready = await ask("/readyz");
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
});

test("metrics are in the text format, the status is JSON, and the page is HTML", async () => {
  const { ask } = agent();
  const metrics = await ask("/metrics");
  expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(parseMetrics(await metrics.text()).length).toBeGreaterThan(10);
  const status = await ask("/api/status?pretty=1");
  expect(status.headers.get("content-type")).toBe("application/json");
  expect(await status.json()).toMatchObject({ role: "uploader", name: "till" });
  expect((await ask("/")).headers.get("content-type")).toBe("text/html; charset=utf-8");
});

test("the last hour is JSON, and the live status is a stream of events, the first at once", async () => {
  const { ask } = agent();
  expect(await (await ask("/api/history")).json()).toEqual({ rows: [] });
  expect((await ask("/api/events", { method: "HEAD" })).body).toBeNull();
  const { headers, body } = await ask("/api/events");
  expect(headers.get("content-type")).toBe("text/event-stream");
  const reader = body?.getReader();
  const event = new TextDecoder().decode((await reader?.read())?.value);
  const [, data = ""] = /^event: status\ndata: (.*)\n\n$/.exec(event) ?? [];
  expect(JSON.parse(data)).toMatchObject({ role: "uploader", name: "till", ready: false });
  await reader?.cancel();
});

test("files are found in the ledger; what is not understood is 400, and 503 while there is no ledger", async () => {
  const { ask, search } = agent();
  const early = await ask("/api/files");
  expect([early.status, early.headers.get("retry-after"), await early.json()]).toEqual([
    503,
    "5",
    { error: "the ledger is not known yet" },
  ]);
  search.ledger = new MemoryLedger([noted(first)]);
  const found = await ask("/api/files?q=TILL/A&state=sent&limit=5");
  expect([found.status, await found.json()]).toMatchObject([200, { count: 1, items: [{ path: "a.txt" }] }]);
  expect(await (await ask("/api/files?q=a+b%26")).json()).toEqual({ count: 0, items: [] });
  for (const query of [
    ...[
      "state=lost",
      "limit=0",
      "limit=-1",
      "limit=1001",
      "limit=1e2",
      "limit=",
      "limit",
      "q=%ff",
      "q=a&q=b",
    ],
    ...["p=1", "=", `q=${"a".repeat(6000)}`, "__proto__=1"],
  ]) {
    const response = await ask(`/api/files?${query}`);
    expect([query, response.status]).toEqual([query, 400]);
    expect(await response.json()).toEqual({ error: expect.any(String) });
  }
  await search.end();
});

test("unknown paths are 404, other methods 405", async () => {
  const { ask } = agent();
  for (const path of ["/nope", "/healthz/", "/api", "//", "/%2e%2e/x", "/metrics%00"])
    expect([path, (await ask(path)).status]).toEqual([path, 404]);
  for (const path of ["/healthz", ...guarded])
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await ask(path, { method });
      expect([path, method, response.status, response.headers.get("allow")]).toEqual([
        path,
        method,
        405,
        "GET, HEAD",
      ]);
    }
  expect((await ask("/readyz", { method: "HEAD" })).status).toBe(503);
});

test("with a token everything but the health asks for it, also what is not there", async () => {
  const { ask } = agent("s3cret");
  expect((await ask("/healthz")).status).toBe(200);
  for (const path of [...guarded, "/nope", "/readyz?token=s3cret"]) {
    const response = await ask(path);
    expect([path, response.status]).toEqual([path, 401]);
    expect(response.headers.get("www-authenticate")).toStartWith("Basic realm=");
    expect(await response.text()).not.toContain("s3cret");
    expect((await ask(path, { method: "POST" })).status).toBe(401);
    expect((await ask(path, { headers: { Authorization: "Bearer s3crets" } })).status).toBe(401);
  }
  const headers = { Authorization: "Bearer s3cret" };
  expect((await ask("/api/status", { headers })).status).toBe(200);
  expect((await ask("/nope", { headers })).status).toBe(404);
});

test("a page from elsewhere that leads a name of its own here is not answered", async () => {
  const host = { headers: { Host: "evil.example:9480" } };
  expect((await agent().ask("/api/status", host)).status).toBe(421);
  expect((await agent().ask("/healthz", host)).status).toBe(200);
});

test("the page needs nothing from elsewhere, and its policy allows nothing else", async () => {
  const response = await agent().ask("/");
  const html = await response.text();
  expect(html).not.toMatch(/https?:|src=|@import|url\(|innerHTML|\son[a-z]+=/);
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toStartWith("default-src 'none'; ");
  for (const tag of ["script", "style"]) {
    const contents = html.split(new RegExp(`</?${tag}>`)).filter((_, at) => at % 2 === 1);
    expect(contents.length).toBeGreaterThan(0);
    const hashes = contents.map((content) => {
      const hash = new Bun.CryptoHasher("sha256").update(content).digest("base64");
      return `'sha256-${hash}'`;
    });
    expect(policy).toContain(`${tag}-src ${hashes.join(" ")};`);
  }
});

test("whatever is asked, there is an answer, and without the token never what was to be kept", async () => {
  const { observer } = agent();
  const options = optionsOf(observer, "s3cret");
  const word = fc.oneof(
    fc.constantFrom(...guarded, "/healthz", "http://", "://", "?", "#", "%", "Bearer ", "Basic ", "[::1]"),
    fc.string({ unit: "binary" }),
  );
  const text = fc.array(word, { maxLength: 5 }).map((words) => words.join(""));
  const question = async (url: string, method: string, authorization: string, host: string) => {
    const sent: Record<string, string> = { authorization, host };
    const headers = { get: (name: string) => sent[name] ?? null } as Headers;
    const { status } = await answer(options, { url, method, headers });
    expect(url.includes("/healthz") ? [200, 401, 405] : [401]).toContain(status);
  };
  await fc.assert(fc.asyncProperty(text, text, text, text, question), { numRuns: 200 });
});

test("nothing is kept by anybody on the way, or taken for another type", async () => {
  const { ask } = agent();
  for (const path of ["/healthz", "/nope", ...guarded]) {
    const { headers } = await ask(path);
    expect([headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual([
      "no-store",
      "nosniff",
    ]);
  }
});
