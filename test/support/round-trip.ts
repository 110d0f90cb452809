import { join } from "node:path";
import type { StartOptions } from "./agent-process.ts";
import { expectSameTree } from "./compare.ts";
import type { Scene } from "./scene.ts";
import { randomTree, writeTree } from "./tree.ts";

/** Sends some files and receives them, with `--once`; for an executable or a launcher that is slow. Throws unless they arrive as they are. */
export async function sendAndReceive(scene: Scene, options: StartOptions): Promise<void> {
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(121, { count: 5, levels: 2, maxBytes: 200_000 }));
  const once = { ...options, args: ["--once"] };
  const uploader = await scene.uploader(source, { ...once, uploader: { chunk: 65_536 } });
  const sent = await uploader.waitForExit(120_000);
  if (sent !== 0) throw new Error(`the uploader has failed\n${uploader.report()}`);
  const downloader = await scene.downloader(output, once);
  const received = await downloader.waitForExit(120_000);
  if (received !== 0) throw new Error(`the downloader has failed\n${downloader.report()}`);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
}
