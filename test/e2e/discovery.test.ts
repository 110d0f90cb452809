/** How files are found: by events, whatever they and their folders are called and how they came, and what it says of the rest. */
import { expect, test } from "bun:test";
import { chmod, mkdir, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree } from "../support/compare.ts";
import { type AgentOptions, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
/** Only events find anything. */
const noRescan = { rescan: "1h" };
const asNobody: AgentOptions =
  process.getuid?.() === 0
    ? { launcher: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] }
    : {};

async function startWatching(settings: AgentOptions = {}) {
  const scene = await openScene();
  const source = await scene.folder("source");
  const uploader = await scene.uploader(source, {
    ...settings,
    uploader: { ...noRescan, ...settings.uploader },
  });
  await writeFile(join(source, "first"), "first");
  await uploader.waitForLine(/first: successfully processed/);
  return { scene, source, uploader };
}

test("files are found by events when the watch is a link to a folder", async () => {
  const scene = await openScene();
  const folder = await scene.folder("folder");
  const link = join(await scene.folder("links"), "watch");
  await symlink(folder, link);
  await writeFile(join(folder, "first"), "first");
  const uploader = await scene.uploader(link, { uploader: noRescan });
  await uploader.waitForLine(/first: successfully processed/);
  // One at a time: the first ones may be found by a look.
  for (const name of ["second", "third", "fourth"]) {
    await writeFile(join(folder, name), name);
    await uploader.waitForLine(new RegExp(`${name}: successfully processed`));
  }
});

test("files with their folder's name, or names that are no UTF-8, are found by events, without a warning", async () => {
  const { scene, source, uploader } = await startWatching();
  await mkdir(join(source, "a", "a"), { recursive: true });
  await writeFile(join(source, "a", "a", "a"), "a");
  await uploader.waitForLine(/a\/a\/a: successfully processed/);
  await unlink(join(source, "a", "a", "a"));
  await writeFile(join(source, "a", "a", "a"), "again");
  await uploader.waitForLine(/a\/a\/a: 5 bytes/);
  // As long as a name may be, and longer as the text that is made of it.
  const name = Buffer.concat([Buffer.from(`${source}/`), Buffer.alloc(255, 0xff)]);
  await writeFile(name, "no UTF-8");
  await uploader.waitForLine(/(\\xff){255}: successfully processed/);
  expect(uploader.output).not.toContain("WARN");
  const output = await scene.folder("output");
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
});

test("folders that come with all that is in them, that are renamed, or replaced, lose no file", async () => {
  const { scene, source, uploader } = await startWatching();
  const elsewhere = await scene.folder("elsewhere");
  await mkdir(join(elsewhere, "tree", "deep"), { recursive: true });
  await writeFile(join(elsewhere, "tree", "deep", "one"), "one");
  await rename(join(elsewhere, "tree"), join(source, "tree"));
  await uploader.waitForLine(/tree\/deep\/one: successfully processed/);
  await rename(join(source, "tree"), join(source, "moved"));
  await uploader.waitForLine(/moved\/deep\/one: successfully processed/);
  await writeFile(join(source, "moved", "deep", "two"), "two");
  await uploader.waitForLine(/moved\/deep\/two: successfully processed/);
  await mkdir(join(source, "tree", "deep"), { recursive: true });
  await writeFile(join(source, "tree", "deep", "three"), "three");
  await uploader.waitForLine(/tree\/deep\/three: successfully processed/);
});

test("with --once a watch that is not there is named, the others are sent, and the exit code is 1", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const missing = join(await scene.folder("parent"), "missing");
  const watch = [
    { path: missing, as: "missing" },
    { path: source, as: "there" },
  ];
  const uploader = await scene.uploader(source, { args: ["--once"], uploader: { watch } });
  expect(await uploader.waitForExit()).toBe(1);
  expect(uploader.output).toMatch(/missing: can't be read: /);
  expect(uploader.output).toContain("a.txt: successfully processed");
});

test("with --once a folder that can't be read is named with its cure, and the exit code is 1; excluded, it is not looked at", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await mkdir(join(source, "lost+found"));
  await writeFile(join(source, "a.txt"), "a");
  await chmod(join(source, "lost+found"), 0);
  const settings = { ...asNobody, args: ["--once"], executable: await scene.executableForAll() };
  const first = await scene.uploader(source, settings);
  expect(await first.waitForExit()).toBe(1);
  expect(first.output).toMatch(/lost\+found: can't be read: .*exclude: \["lost\+found\/\*\*"\]/);
  const watch = [{ path: source, exclude: ["lost+found/**"] }];
  const second = await scene.uploader(source, { ...settings, uploader: { watch } });
  expect(await second.waitForExit()).toBe(0);
  expect(second.output).not.toContain("lost+found");
  await chmod(join(source, "lost+found"), 0o755);
});

test("files and folders that can't be read are said and counted, and the others are sent", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await mkdir(join(source, "closed"));
  for (const name of ["a.txt", "secret.txt"]) await writeFile(join(source, name), name);
  for (const name of ["closed", "secret.txt"]) await chmod(join(source, name), 0);
  const settings = { ...asNobody, settings: anyPort, executable: await scene.executableForAll() };
  const uploader = await scene.uploader(source, settings);
  const http = await AgentHttp.of(uploader);
  for (const line of [
    /closed: can't be read/,
    /secret\.txt: can't be sent/,
    /a\.txt: successfully processed/,
  ])
    await uploader.waitForLine(line);
  const failed = /^streamsend_files_total\{[^}]*result="failed"[^}]*\} 2$/m;
  await waitUntil("both are counted", async () => failed.test(await (await http.get("/metrics")).text()));
  await chmod(join(source, "closed"), 0o755);
});

test("with too few inotify watches one line and /readyz say what to raise, and the rescans find the files", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  for (let at = 0; at < 200; at++) await mkdir(join(source, `folder-${at}`));
  // The limit of a user namespace of its own.
  const limited = 'echo 50 > /proc/sys/user/max_inotify_watches; exec "$0" "$@"';
  const launcher = ["unshare", "--user", "--map-root-user", "sh", "-c", limited];
  const uploader = await scene.uploader(source, { launcher, settings: anyPort });
  const http = await AgentHttp.of(uploader);
  await http.waitForReadiness(false);
  await uploader.waitForLine(/of 201 folders have no events.*sysctl -w fs\.inotify\.max_user_watches=\d+/);
  for (let at = 0; at < 200; at++) await writeFile(join(source, `folder-${at}`, "file"), "content");
  for (const at of [0, 199])
    await uploader.waitForLine(new RegExp(`folder-${at}/file: successfully processed`));
  expect(uploader.messages.filter((message) => message.includes("inotify"))).toHaveLength(1);
});
