/** One name, one agent: whoever works under it goes on, and whoever has lost it stops. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../support/compare.ts";
import type { PlainRecord } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const name = "till-7";

async function hostName(): Promise<string> {
  return (await run(["hostname"])).output.trim();
}

test("a frozen agent that has lost its name stops as soon as it goes on, and sends and deletes nothing", async () => {
  const scene = await openScene();
  const [source, other] = [await scene.folder("source"), await scene.folder("other")];
  await writeFile(join(source, "a.txt"), "a");
  const first = await scene.uploader(source, {
    name,
    uploader: { after: "delete", after_groups: [scene.group] },
  });
  await first.waitForLine(/a\.txt: successfully processed/);
  first.signal("SIGSTOP");
  await writeFile(join(other, "b.txt"), "b");
  const second = await scene.uploader(other, { name });
  await second.waitForLine(/b\.txt: successfully processed/);
  // What it finds when it goes on: a new file, and the news that one was delivered.
  await writeFile(join(source, "c.txt"), "c");
  const downloader = await scene.downloader(await scene.folder("output"));
  await downloader.waitForLine(/till-7\/a\.txt: merge complete/);
  first.signal("SIGCONT");
  expect(await first.waitForExit()).toBe(1);
  expect(first.output).toContain(`in use by an agent on ${await hostName()}`);
  expect(await Bun.file(join(source, "a.txt")).exists()).toBe(true);
  await writeFile(join(other, "d.txt"), "d");
  await second.waitForLine(/d\.txt: successfully processed/);
  const sent = (await (await scene.kafka()).readAll(scene.topic)).map(({ key }) => key);
  expect(sent).toEqual([`${name}/a.txt`, `${name}/b.txt`, `${name}/d.txt`]);
});

test("an agent that was killed and is started again at once has its name at once", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const first = await scene.uploader(source, { name });
  await first.waitForLine(/a\.txt: successfully processed/);
  await first.kill();
  const second = await scene.uploader(source, { name });
  await writeFile(join(source, "b.txt"), "b");
  await second.waitForLine(/b\.txt: successfully processed/);
  expect(second.output).not.toContain("asking whether an agent has it");
});

test("a ledger that is deleted while a second agent asks for the name of a frozen one leaves the name with one of them", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const first = await scene.uploader(source, { name });
  await first.waitForLine(/a\.txt: successfully processed/);
  first.signal("SIGSTOP");
  const second = await scene.uploader(source, { name });
  await second.waitForLine(/asking whether an agent has it/);
  await (await scene.kafka()).deleteTopic(scene.ledger);
  first.signal("SIGCONT");
  const both = [first, second];
  await waitUntil("one of them ends", () => both.some(({ isRunning }) => !isRunning), {
    timeoutMs: 90_000,
    detail: () => both.map((one) => one.report()).join("\n"),
  });
  const left = both.filter(({ isRunning }) => isRunning);
  expect(left).toHaveLength(1);
  for (const ended of both.filter((agent) => !left.includes(agent)))
    expect(await ended.waitForExit()).toBe(1);
  await writeFile(join(source, "b.txt"), "b");
  await left[0]?.waitForLine(/b\.txt: successfully processed/);
});

test("of several that take the name of a frozen one at once, one has it", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const first = await scene.uploader(source, { name });
  await writeFile(join(source, "a.txt"), "a");
  await first.waitForLine(/a\.txt: successfully processed/);
  first.signal("SIGSTOP");
  const others = await Promise.all(
    [1, 2, 3].map(async () => scene.uploader(await scene.folder("other"), { name })),
  );
  await waitUntil("all but one have stopped", () => others.filter((one) => one.isRunning).length === 1, {
    detail: () => others.map((one) => one.report()).join("\n"),
  });
  for (const one of others.filter(({ isRunning }) => !isRunning)) {
    expect(await one.waitForExit()).toBe(1);
    expect(one.output).toContain(`in use by an agent on ${await hostName()}`);
  }
});

test("hundreds of claims by a stranger are one warning and a count, and few answers", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const agent = await scene.uploader(source, { name });
  await writeFile(join(source, "a.txt"), "a");
  await agent.waitForLine(/a\.txt: successfully processed/);
  const kafka = await scene.kafka();
  const nameKey = `name/${name}`;
  const before = await kafka.readAll(scene.ledger);
  const partition = before.find(({ key }) => key === nameKey)?.partition ?? -1;
  const claim = (at: number): PlainRecord => ({
    key: at % 2 === 0 ? nameKey : `claim/${name}`,
    value: Buffer.from(
      JSON.stringify({ format: 1, instance: `${at}`, host: "stranger", state: "held", highest: 0 }),
    ),
    headers: [],
  });
  const claims = Array.from({ length: 500 }, (_, at) => claim(at));
  const [first = 0] = (await kafka.endOffsets(scene.ledger)).slice(partition);
  await kafka.produce(scene.ledger, claims, partition);
  const words = async () =>
    (await kafka.readAll(scene.ledger)).filter(
      ({ key, value }) => key === nameKey && !value?.includes("stranger"),
    );
  const answered = async () => (await words()).at(-1)?.offset ?? 0;
  // Its word can be there before the end could be asked for.
  const last = first + claims.length;
  await waitUntil("it has said that it is still there", async () => (await answered()) >= last);
  await writeFile(join(source, "b.txt"), "b");
  await agent.waitForLine(/b\.txt: successfully processed/);
  expect((await words()).length).toBeLessThan(10);
  expect(agent.messages.filter((message) => message.includes("stranger")).length).toBeLessThan(3);
});
