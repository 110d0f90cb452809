import { expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

/** The numbers of those that are no order to end, as Linux has them; 34 to 64 are the real-time ones. */
const harmless = [
  ...[
    "SIGHUP",
    "SIGUSR1",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGSTKFLT",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGIO",
  ],
  ...["SIGWINCH", "SIGURG", "SIGCHLD", "SIGCONT", "SIGPWR"],
];
const realTime = [34, 35, 50, 63, 64];

async function send(agent: AgentProcess, signal: string | number): Promise<void> {
  const number = typeof signal === "number" ? String(signal) : signal.replace("SIG", "");
  expect(await Bun.spawn(["bash", "-c", `kill -${number} ${agent.pid}`]).exited).toBe(0);
}

test("a signal that is no order to end does not end the agent, and files go on arriving", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  const all = [...harmless, ...realTime];
  for (const [at, signal] of all.entries()) {
    const name = `after-${signal}.txt`;
    // Both listen before the first one comes.
    if (at === 0) await writeFile(join(source, "first.txt"), "first");
    if (at === 0) await downloader.waitForLine(/first\.txt: merge complete/);
    await send(uploader, signal);
    await send(downloader, signal);
    await writeFile(join(source, name), name);
  }
  for (const signal of all) await downloader.waitForLine(new RegExp(`after-${signal}\\.txt: merge complete`));
  expect(uploader.output.match(/SIGHUP: ignored/g)).toHaveLength(1);
  uploader.signal("SIGTERM");
  downloader.signal("SIGINT");
  expect([await uploader.waitForExit(), await downloader.waitForExit()]).toEqual([0, 0]);
});

test("a reader of the log that goes away, and a full disk for it, do not stop the work", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  for (const target of ["| head -n 1", "> /dev/full", ">&-"]) {
    const source = await scene.folder("source");
    await writeFile(join(source, "a.txt"), "a");
    const name = `to-${target.replace(/\W/g, "")}x`;
    const launcher = ["bash", "-c", `trap '' PIPE; "$@" ${target}; exit \${PIPESTATUS[0]}`, "sh"];
    const uploader = await scene.uploader(source, { name, launcher, args: ["--once"] });
    expect(await uploader.waitForExit(), uploader.report()).toBe(0);
    const downloader = await scene.downloader(output, { args: ["--once"] });
    expect(await downloader.waitForExit(), downloader.report()).toBe(0);
    expect(await readFile(join(output, name, "a.txt"), "utf8")).toBe("a");
  }
});
