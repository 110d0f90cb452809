/** The page in a real browser, as people see it. */
import { expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { BrowserPage } from "../support/browser.ts";
import { freePort } from "../support/free-port.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();
const axeSource = join(import.meta.dir, "../../node_modules/axe-core/axe.min.js");

test("a downloader's page shows its fleet and finds files, names stay text, and its policy stops nothing of its own", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const hub = await AgentHttp.of(await scene.downloader(output, { name: "hub", settings: anyPort }));
  await hub.waitForReadiness(true);
  await BrowserPage.with(`http://${hub.address}/`, async (page) => {
    await page.waitForText("#state", "Ready");
    await page.waitForText("#title", "downloader hub");
    const name = "<img id=bad alt=x> \u202etxt.<b>";
    await writeFile(join(source, name), "x".repeat(1234));
    const uploader = await scene.uploader(source, { name: "till-1", args: ["--once"] });
    expect(await uploader.waitForExit(), uploader.report()).toBe(0);
    await page.waitForText("#last", "<img id=bad alt=x> \\u202etxt.<b>");
    await page.waitForText("#fleet tbody", "till-1");
    await page.waitForText("#fleet tbody", "1.2 kB");
    await page.value('document.querySelector("#fleet tbody button").click()');
    await page.waitForText("#found-count", "1 found");
    await page.waitForText("#found", "till-1/<img id=bad alt=x> \\u202etxt.<b>");
    await page.waitForText("#found", `${scene.group}: delivered`);
    expect(await page.value<number>('document.querySelectorAll("#bad, #lists b, #found b").length')).toBe(0);
    await page.waitForText("#charts", "Throughput");
    expect(await page.value<number>('document.querySelectorAll("#charts svg[aria-label]").length')).toBe(4);
    await page.look("light", 360);
    expect(await page.value<boolean>("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    expect(page.problems).toEqual([]);
  });
});

test("nothing on the page keeps anybody out: in both schemes, on a phone and on a desk", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await mkdir(join(output, "till-1"));
  await writeFile(join(output, "till-1/folder"), "in the way");
  await mkdir(join(source, "folder"));
  await writeFile(join(source, "folder/a.txt"), "can't be stored");
  await writeFile(join(source, "large"), Buffer.alloc(3_000_000));
  const hub = await AgentHttp.of(await scene.downloader(output, { name: "hub", settings: anyPort }));
  await scene.uploader(source, { name: "till-1", uploader: { rate: "100KB/s" } });
  await BrowserPage.with(`http://${hub.address}/`, async (page) => {
    await page.waitForText("#lists", "till-1/large");
    await page.waitForText("#lists", "till-1/folder/a.txt");
    await page.waitForText("#charts", "Throughput");
    await page.value('byId("find").value = "till-1"; search()');
    await page.waitForText("#found-count", "found");
    await page.value(await readFile(axeSource, "utf8"));
    for (const scheme of ["light", "dark"])
      for (const width of [360, 768, 1280]) {
        await page.look(scheme, width);
        const violations =
          "axe.run().then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => [id, nodes[0].html])))";
        expect([scheme, width, await page.resolved<string>(violations)]).toEqual([scheme, width, "[]"]);
      }
    // By keys alone: from the top to the search, a word, and to what it finds.
    await page.value('byId("find").value = ""; byId("found").replaceChildren(); document.body.focus()');
    await page.press("Tab");
    await page.press("Enter");
    for (const key of "older/a") await page.press(key);
    await page.press("Enter");
    await page.waitForText("#found", "till-1/folder/a.txt");
  });
});

test("a page that loses its agent says so, and goes on by itself once there is one again", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const settings = { http: { listen: `127.0.0.1:${freePort()}` } };
  const first = await scene.uploader(source, { settings });
  const http = await AgentHttp.of(first);
  await http.waitForReadiness(true);
  await BrowserPage.with(`http://${http.address}/`, async (page) => {
    await page.waitForText("#state", "Ready");
    await first.kill();
    await page.waitForText("#state", "can't be reached");
    await scene.uploader(source, { settings });
    await page.waitForText("#state", "Ready");
    expect(await page.value<boolean>('document.getElementById("fleet").hidden')).toBe(true);
  });
});
