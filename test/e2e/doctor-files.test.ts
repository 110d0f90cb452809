/** What `doctor` finds of outputs, watches and folders for what is sent, and what it says to do about it. */
import { describe, expect, test } from "bun:test";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import {
  asNobody,
  doctorDownloader,
  doctorUploader,
  expectOneFailure,
  lines,
  makeTopics,
} from "../support/doctor.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

describe("it finds an output that", () => {
  test("another downloader has, while it runs", async () => {
    const scene = await openScene();
    await makeTopics(scene);
    const output = await scene.folder("output");
    const running = await scene.downloader(output, { name: "other", settings: anyPort });
    await (await AgentHttp.of(running)).waitForReadiness(true);
    const held = async () => lines(await doctorDownloader(scene, { downloader: { output } }), "FAIL");
    let failures = await held();
    while (failures.length === 0) failures = await held();
    expect(failures).toEqual([
      expect.stringMatching(/output .* is in use by other \(process \d+ on .*; fix: give each/),
    ]);
    const own = await doctorDownloader(scene, { downloader: { output }, settings: { name: "other" } });
    expect(lines(own, "FAIL")).toEqual([]);
  });

  test("is missing, and does not make it", async () => {
    const scene = await openScene();
    const parent = await scene.folder("parent");
    const agent = await doctorDownloader(scene, { downloader: { output: join(parent, "inbox") } });
    await expectOneFailure(agent, /output .*inbox: is not there.*; fix: mkdir -p .*inbox/);
    expect(await readdir(parent)).toEqual([]);
  });

  test("is a file", async () => {
    const scene = await openScene();
    const output = join(await scene.folder("parent"), "inbox");
    await writeFile(output, "");
    await expectOneFailure(
      await doctorDownloader(scene, { downloader: { output } }),
      /output .*is no folder; fix: /,
    );
  });

  test("has too little room", async () => {
    const agent = await doctorDownloader(await openScene(), { downloader: { min_free: "1000TiB" } });
    await expectOneFailure(agent, /disk: .* free, downloader\.min_free is 1000 TiB.*; fix: make room/);
  });

  test("is no mount point where one is required", async () => {
    const agent = await doctorDownloader(await openScene(), { downloader: { require_mount: true } });
    await expectOneFailure(agent, /output .*not a mount point.*; fix: mount it/);
  });

  test("may not be written to", async () => {
    const scene = await openScene();
    const output = await scene.folder("output");
    const agent = await doctorDownloader(scene, { downloader: { output }, ...(await asNobody(scene)) });
    await expectOneFailure(agent, /output .*can't be written to by this user; fix: chown 65534 /);
  });
});

describe("it finds a watch that", () => {
  test("is missing", async () => {
    const scene = await openScene();
    const watch = join(await scene.folder("parent"), "outbox");
    await expectOneFailure(
      await doctorUploader(scene, { uploader: { watch } }),
      /watch .*outbox: is not there.*; fix: mkdir -p/,
    );
  });

  test("has a file that may not be read", async () => {
    const scene = await openScene();
    const watch = await scene.folder("source");
    await mkdir(join(watch, "inner"));
    await writeFile(join(watch, "inner", "secret"), "s", { mode: 0o600 });
    const agent = await doctorUploader(scene, { uploader: { watch }, ...(await asNobody(scene)) });
    await expectOneFailure(agent, /watch .*inner\/secret can't be read by this user; fix: setfacl/);
  });
});

describe("it finds that what is sent could not be", () => {
  test("deleted, for want of a right", async () => {
    const scene = await openScene();
    const watch = await scene.folder("source");
    const options = { uploader: { watch, after: "delete" }, ...(await asNobody(scene)) };
    await expectOneFailure(
      await doctorUploader(scene, options),
      /after: delete: nothing can be taken out of .*; fix: /,
    );
  });

  test("moved, as the folder is not there", async () => {
    const scene = await openScene();
    const move_to = join(await scene.folder("parent"), "sent");
    const agent = await doctorUploader(scene, { uploader: { after: "move", move_to } });
    await expectOneFailure(agent, /after: move: .*sent is not there.*; fix: mkdir -p .*sent/);
  });

  test("moved, and says where it could", async () => {
    const scene = await openScene();
    const move_to = await scene.folder("sent");
    const agent = await doctorUploader(scene, { uploader: { after: "move", move_to } });
    expect(await agent.waitForExit()).toBe(0);
    expect(agent.output).toMatch(/ok +after: move: .*sent is writable/);
  });
});
