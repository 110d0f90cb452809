/** The page and what it asks, before strangers: who has no token, pages from elsewhere, and whoever opens more than it can use. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { BrowserPage } from "../support/browser.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("with a token the browser's login is enough for all that the page asks, and without one there is no page", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "some text");
  const settings = { http: { listen: "127.0.0.1:0", token: "s3cret" } };
  const http = await AgentHttp.of(await scene.uploader(source, { settings }));
  await BrowserPage.with(`http://anybody:s3cret@${http.address}/`, async (page) => {
    await page.waitForText("#state", "Ready");
    await page.waitForText("#charts", "Throughput");
    await page.waitForText("#last", "a.txt");
    await page.value('document.getElementById("find").value = "A.TXT"; search()');
    await page.waitForText("#found", "a.txt");
    expect(page.problems).toEqual([]);
  });
  for (const path of ["/", "/api/status", "/api/files", "/api/history", "/api/events"])
    expect([path, (await http.get(path)).status]).toEqual([path, 401]);
});

test("a page from elsewhere can read nothing of it, and can't have it in a frame", async () => {
  const scene = await openScene();
  const http = await AgentHttp.of(await scene.uploader(await scene.folder("source"), { settings: anyPort }));
  await http.waitForReadiness(true);
  using elsewhere = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response("<!doctype html><title>elsewhere</title>", { headers: { "Content-Type": "text/html" } }),
  });
  await BrowserPage.with(`http://127.0.0.1:${elsewhere.port}/`, async (page) => {
    await page.waitForText("title", "elsewhere");
    await page.value(`tried = undefined; (async () => {
      const agent = "http://${http.address}/";
      const read = (path) => fetch(agent + path).then((answer) => answer.text(), () => "refused");
      const events = new EventSource(agent + "api/events");
      const heard = new Promise((resolve) => {
        events.addEventListener("status", ({ data }) => resolve(data));
        events.addEventListener("error", () => resolve("refused"));
      });
      const frame = document.createElement("iframe");
      frame.src = agent;
      const framed = new Promise((resolve) => frame.addEventListener("load", resolve));
      document.body.append(frame);
      await framed;
      return [...await Promise.all([read("api/status"), read("api/files"), read(""), heard]), String(frame.contentDocument)];
    })().then((all) => { tried = all; }); undefined`);
    const tried = await waitUntil(
      "all is tried",
      async () => (await page.value<string[]>("tried")) ?? undefined,
    );
    expect(tried).toEqual([...Array.from({ length: 4 }, () => "refused"), "null"]);
    expect(page.problems.some((problem) => problem.includes("frame-ancestors"))).toBe(true);
  });
  const rebound = await http.get("/api/events", { headers: { Host: "elsewhere.example" } });
  expect(rebound.status).toBe(421);
});

test("two of the same name stay two rows, and who has moved to one with the keyboard stays there as the order changes", async () => {
  const scene = await openScene();
  const http = await AgentHttp.of(await scene.uploader(await scene.folder("source"), { settings: anyPort }));
  await http.waitForReadiness(true);
  const seen = { lastSeen: "2026-01-01T00:00:00.000Z", files: 1, bytes: 1, inFlight: 0, failed: 0 };
  const failed = { path: "a.txt", time: seen.lastSeen, reason: "no room" };
  const status = {
    ...(await http.status()),
    failed: { count: 2, items: [failed, failed] },
    uploaders: { count: 3, items: ["a", "b", "b"].map((name) => ({ name, ...seen })) },
  };
  await BrowserPage.with(`http://${http.address}/`, async (page) => {
    await page.waitForText("#state", "Ready");
    const rows = await page.value<unknown[]>(`(() => {
      const status = ${JSON.stringify(status)};
      show(status);
      document.querySelector("#fleet tbody button").focus();
      status.uploaders.items.reverse();
      for (let second = 0; second < 3; second++) show(status);
      const namesOf = (selector) => [...document.querySelectorAll(selector)].map(({ textContent }) => textContent);
      return [namesOf("#fleet tbody button"), namesOf("#lists li span:first-child"), document.activeElement.textContent];
    })()`);
    expect(rows).toEqual([["b", "b", "a"], ["a.txt", "a.txt"], "a"]);
  });
});

test("however many listen without reading, or ask for nonsense, the agent answers the others", async () => {
  const scene = await openScene();
  const http = await AgentHttp.of(await scene.uploader(await scene.folder("source"), { settings: anyPort }));
  await http.waitForReadiness(true);
  const hangUp = new AbortController();
  const listen = () => http.get("/api/events", { signal: hangUp.signal });
  const answers = await Promise.all(Array.from({ length: 200 }, listen));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const further = await listen();
  expect([further.status, further.headers.get("retry-after")]).toEqual([503, "10"]);
  expect((await http.get(`/api/files?q=${"a".repeat(10_000)}`)).status).toBe(400);
  const endless = `GET /api/files?q=${"a".repeat(1 << 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  expect(await http.raw(endless)).not.toContain("HTTP/1.1 200");
  expect((await http.get("/readyz")).status).toBe(200);
  hangUp.abort();
  await http.waitForReadiness(true);
});
