/** What the page asks: the status as it changes, the last hour, and files by a part of their names. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

interface Status {
  name: string;
  delivered: { count: number };
}

/** Reads events until one fits. */
async function nextStatus(
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read">,
  fits: (status: Status) => boolean,
): Promise<Status> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    for (const [, data = ""] of text.matchAll(/event: status\ndata: (.*)\n\n/g)) {
      const status: Status = JSON.parse(data);
      if (fits(status)) return status;
    }
    const { value, done } = await reader.read();
    if (done) throw new Error(`the events ended: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
}

test("who listens gets the status at once and as it changes, and who hangs up costs nothing more", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const hub = await AgentHttp.of(await scene.downloader(output, { settings: anyPort }));
  const responses = await Promise.all(Array.from({ length: 30 }, () => hub.get("/api/events")));
  const readers = responses.map(({ body }) => body?.getReader());
  for (const reader of readers) {
    if (!reader) throw new Error("no body");
    expect((await nextStatus(reader, () => true)).delivered.count).toBe(0);
  }
  await writeFile(join(source, "a.txt"), "some text");
  const uploader = await scene.uploader(source, { args: ["--once"] });
  expect(await uploader.waitForExit(), uploader.report()).toBe(0);
  for (const reader of readers.slice(0, 3))
    if (reader) await nextStatus(reader, (status) => status.delivered.count === 1);
  for (const reader of readers) await reader?.cancel();
  expect((await hub.get("/healthz")).status).toBe(200);
});

test("the last hour has a row of what came, how far behind it is and how much memory it has", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "x".repeat(1234));
  const http = await AgentHttp.of(await scene.uploader(source, { settings: anyPort }));
  type Row = { time: string; bytes: number; files: number; lag: number; memory: number };
  const rows = await waitUntil("a row has it", async () => {
    const { rows } = (await (await http.get("/api/history")).json()) as { rows: Row[] };
    return rows.some(({ files }) => files > 0) && rows;
  });
  const sum = (key: "bytes" | "files") => rows.reduce((total, row) => total + row[key], 0);
  expect([sum("bytes"), sum("files")]).toEqual([1234, 1]);
  expect(rows.at(-1)).toMatchObject({ time: expect.stringMatching(/^20\d\d-.*Z$/), lag: 0 });
  expect(rows.at(-1)?.memory).toBeGreaterThan(10 << 20);
});

test("a downloader finds any uploader's files, an uploader its own, with what each group says", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  const hub = await AgentHttp.of(await scene.downloader(output, { settings: anyPort }));
  const tills: AgentHttp[] = [];
  for (const name of ["till-1", "till-2"]) {
    const source = await scene.folder(name);
    for (const file of ["Receipt 1.txt", "receipt 2.txt", "other"]) await writeFile(join(source, file), file);
    tills.push(await AgentHttp.of(await scene.uploader(source, { name, settings: anyPort })));
  }
  type Found = { count: number; items: { uploader: string; path: string; state: string }[] };
  const find = async (http: AgentHttp, query: string) =>
    (await (await http.get(`/api/files?${query}`)).json()) as Found;
  const all = await waitUntil("all are delivered", async () => {
    const found = await find(hub, "state=delivered");
    return found.count === 6 && found;
  });
  expect(all.items[0]).toMatchObject({ state: "delivered", groups: [{ group: scene.group }] } as never);
  const some = await find(hub, "q=RECEIPT&limit=3");
  expect([some.count, some.items.length]).toEqual([4, 3]);
  expect((await find(hub, "q=till-2/receipt%202")).items).toMatchObject([
    { uploader: "till-2", path: "receipt 2.txt" },
  ]);
  expect((await find(hub, "q=nowhere")).count).toBe(0);
  expect(
    new Set((await find(tills[0] as AgentHttp, "q=receipt")).items.map(({ uploader }) => uploader)),
  ).toEqual(new Set(["till-1"]));
  expect((await hub.get("/api/files?state=lost")).status).toBe(400);
});
