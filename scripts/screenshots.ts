/** The pictures of the page in docs/pictures; see scripts/screenshots. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../test/support/agent-http.ts";
import { BrowserPage } from "../test/support/browser.ts";
import { sharedKafka } from "../test/support/kafka.ts";
import { Scene } from "../test/support/scene.ts";

const pictures = join(import.meta.dir, "../docs/pictures");
const scene = await Scene.open((await sharedKafka()).bootstrap);
try {
  const hub = await hubWithFleet();
  await BrowserPage.with(`http://${hub.address}/`, async (page) => {
    await page.waitForText("#lists", "vehicle-12/recording-west.mp4");
    await page.waitForText("#last", "pos-0006");
    await page.waitForText("#charts", "Throughput");
    await page.look("light", 900);
    await Bun.write(join(pictures, "page.png"), await page.picture({ width: 900, height: 720 }));
    await page.look("dark", 390);
    await Bun.write(join(pictures, "page-phone.png"), await page.picture({ width: 390, height: 720 }));
  });
} finally {
  await scene.close();
}

async function hubWithFleet(): Promise<AgentHttp> {
  const downloader = { group: "archive" };
  const output = await scene.folder("inbox");
  const hub = await AgentHttp.of(
    await scene.downloader(output, { name: "hub-1", settings: anyPort, downloader }),
  );
  await hub.waitForReadiness(true);
  for (let till = 1; till <= 6; till++) {
    const outbox = await scene.folder("outbox");
    await mkdir(join(outbox, "receipts"));
    for (let at = 0; at < 5 * till; at++)
      await writeFile(join(outbox, "receipts", `${1000 + at}.json`), "x".repeat(1000 * at));
    await (await scene.uploader(outbox, { name: `pos-000${till}`, args: ["--once"] })).waitForExit();
  }
  const recordings = await scene.folder("recordings");
  await writeFile(join(recordings, "recording-east.mp4"), Buffer.alloc(150_000_000, 1));
  await writeFile(join(recordings, "recording-west.mp4"), Buffer.alloc(90_000_000, 2));
  const uploader = { rate: "3MB/s" };
  const vehicle = await scene.uploader(recordings, { name: "vehicle-12", uploader });
  // Long enough for the curves to have a form.
  await vehicle.waitForLine(/recording-west.*\(00060 of/, 120_000);
  return hub;
}
