/**
 * The page of a downloader in Chromium: how soon something is painted, and how soon a fleet of a thousand stands there; what a search
 * and two hundred open pages cost the agent; and what one open page costs a transfer.
 */
import { join } from "node:path";
import { BrowserPage } from "../../test/support/browser.ts";
import { Crowd } from "../../test/support/crowd.ts";
import { freePort } from "../../test/support/free-port.ts";
import { cpuSeconds, residentBytes } from "../../test/support/proc.ts";
import { waitUntil } from "../../test/support/wait.ts";
import type { Agent } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { writeLarge, writeMany } from "./files.ts";
import { median, printTable, spread } from "./table.ts";

const uploaders = 1000;
const files = 10_000;
const listeners = 200;
const seconds = 10;
const largeBytes = 500_000_000;

export async function measurePage(bench: Bench): Promise<void> {
  const empty = await openDownloader(bench);
  const ofEmpty = await paints(bench, empty.address, "#numbers div");
  await bench.stop(empty.agent);
  const fleet = await openDownloader(bench);
  await deliverOf(bench, fleet);
  const ofFleet = await paints(bench, fleet.address, "#fleet tbody tr:nth-child(100)");
  printTable(
    `The page; ${bench.rounds} rounds, each in a browser of its own`,
    ["", "first paint, ms (goal 300)", "", "all there, ms (goal 1000)", ""],
    [
      ["no uploader", ...spread(ofEmpty.paint, 0), ...spread(ofEmpty.whole, 0)],
      [`${uploaders} uploaders, ${files} files`, ...spread(ofFleet.paint, 0), ...spread(ofFleet.whole, 0)],
    ],
  );
  await showCosts(fleet);
  await bench.stop(fleet.agent);
  await showTransfer(bench);
}

interface Downloader {
  agent: Agent;
  topic: string;
  output: string;
  /** HOST:PORT */
  address: string;
}

async function openDownloader(bench: Bench): Promise<Downloader> {
  const [topic, output, address] = [
    bench.newTopic(),
    await bench.newFolder("output"),
    `127.0.0.1:${freePort()}`,
  ];
  const agent = await bench.downloader(topic, output, { http: { listen: address } });
  await agent.waitFor(/HTTP on/);
  await waitUntil("it is ready", async () => (await fetch(`http://${address}/readyz`)).ok);
  return { agent, topic, output, address };
}

/** Files of all the uploaders, until they are stored. */
async function deliverOf(bench: Bench, { agent, topic }: Downloader): Promise<void> {
  const { bootstrap } = await bench.kafka();
  const source = await bench.newFolder("source");
  writeMany(source, files / uploaders, 100);
  const names = Array.from({ length: uploaders }, (_, at) => `till-${at}`);
  const crowd = await Crowd.open({ brokers: bootstrap, topic });
  const { failed } = await crowd.uploaders(names, () => source, Promise.resolve());
  await agent.waitFor(/: merge complete/, files);
  if ((await failed) > 0) throw new Error("files can't be sent");
  await crowd.close();
}

async function paints(bench: Bench, address: string, last: string) {
  const [paint, whole]: [number[], number[]] = [[], []];
  for (let round = 0; round < bench.rounds; round++) {
    await BrowserPage.with("about:blank", async (page) => {
      // The first page of a browser pays for the browser's own start.
      await page.send("Page.navigate", { url: `http://${address}/healthz` });
      await page.waitForText("body", "ok");
      await page.send("Page.navigate", { url: `http://${address}/` });
      await page.waitForText("#state", "Ready");
      whole.push(
        await page.resolved<number>(`new Promise((resolve) => {
          const look = () => document.querySelector(${JSON.stringify(last)}) ? resolve(performance.now()) : requestAnimationFrame(look);
          look();
        })`),
      );
      paint.push(
        await page.value<number>(
          'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN',
        ),
      );
    });
  }
  return { paint, whole };
}

async function showCosts({ agent, address }: Downloader): Promise<void> {
  const mebibytes = () => (residentBytes(agent.pid) / 2 ** 20).toFixed(1);
  const rows: string[][] = [["before", "", mebibytes()]];
  const begun = cpuSeconds(agent.pid);
  const search = await fetch(`http://${address}/api/files?q=no-such-file`);
  await search.text();
  rows.push([
    `a search in ${files} files`,
    `${(cpuSeconds(agent.pid) - begun).toFixed(2)} CPU s`,
    mebibytes(),
  ]);
  const ended = new AbortController();
  const open = await Promise.all(
    Array.from({ length: listeners }, () => fetch(`http://${address}/api/events`, { signal: ended.signal })),
  );
  const reading = open.map(async ({ body }) => {
    for await (const _ of body ?? []);
  });
  const before = cpuSeconds(agent.pid);
  await Bun.sleep(seconds * 1000);
  const percent = ((cpuSeconds(agent.pid) - before) / seconds) * 100;
  rows.push([`${listeners} pages open, nothing moves`, `${percent.toFixed(1)} % of a core`, mebibytes()]);
  ended.abort();
  await Promise.allSettled(reading);
  printTable("What is asked costs the downloader", ["", "", "resident MiB"], rows);
}

async function showTransfer(bench: Bench): Promise<void> {
  const folder = await bench.newFolder("large");
  writeLarge(join(folder, "large.bin"), largeBytes);
  const rates = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < bench.rounds; round++)
    for (const which of round % 2 === 0 ? (["without", "with"] as const) : (["with", "without"] as const)) {
      const downloader = await openDownloader(bench);
      const transfer = async () => {
        const uploader = await bench.uploader(downloader.topic, folder);
        const [begin] = await downloader.agent.waitFor(/: first chunk/);
        const [end] = await downloader.agent.waitFor(/: merge complete/);
        rates[which].push(largeBytes / 1e3 / ((end?.atMs ?? Number.NaN) - (begin?.atMs ?? Number.NaN)));
        await bench.stop(uploader);
      };
      if (which === "without") await transfer();
      else await BrowserPage.with(`http://${downloader.address}/`, transfer);
      await bench.stop(downloader.agent);
      await bench.clearFolder(downloader.output);
    }
  const ratios = rates.with.map((rate, at) => rate / (rates.without[at] ?? Number.NaN));
  printTable(
    `A file of ${largeBytes / 1e6} MB, with the page open in a browser on this machine`,
    ["", "MB/s", ""],
    [
      ["no page open", ...spread(rates.without, 0)],
      ["a page open", ...spread(rates.with, 0)],
      ["with, of that without", median(ratios).toFixed(2), spread(ratios, 2)[1] ?? ""],
    ],
  );
}
