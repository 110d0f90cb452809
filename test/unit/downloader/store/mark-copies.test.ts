import { expect, test } from "bun:test";
import { appendFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MarkCopies } from "../../../../agent/downloader/store/mark-copies.ts";
import type { DoneEntry } from "../../../../agent/wire/entry.ts";
import { checksum, time } from "../../../support/entries.ts";
import { localDisk } from "../../../support/local-disk.ts";

async function inFolder(look: (folder: string, open: () => MarkCopies) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "marks-"));
  try {
    await look(folder, () => new MarkCopies(folder, localDisk()));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function markOf(partition: number, to: number): DoneEntry {
  const lists = { but: [7], also: [900], early: [{ path: "a\nb", version: 950, size: 5, checksum }] };
  const key = { kind: "done", group: "group", uploader: "till", partition } as const;
  return { ...key, format: 1, to, at: 3, ...lists, by: {}, time };
}

const toOf = async (copies: MarkCopies) =>
  Object.fromEntries([...(await copies.read())].map(([name, { to }]) => [name, to]));

test("the last of each mark counts, also for who opens the list later", async () => {
  await inFolder(async (_, open) => {
    const copies = open();
    await copies.write([markOf(0, 10), markOf(1, 20)]);
    await copies.write([markOf(0, 30)]);
    for (const one of [copies, open()]) expect(await toOf(one)).toEqual({ "till 0": 30, "till 1": 20 });
    const [, mark] = [...(await open().read())][0] ?? [];
    expect(mark).toMatchObject({ at: 3, but: [7], also: [900], early: [{ path: "a\nb", version: 950 }] });
  });
});

test("what was being written when a crash came is nothing, and what is written next is whole", async () => {
  await inFolder(async (folder, open) => {
    await open().write([markOf(0, 10)]);
    const file = join(folder, "marks");
    const line = await readFile(file, "utf8");
    await appendFile(file, line.slice(0, 40));
    expect(await toOf(open())).toEqual({ "till 0": 10 });
    await open().write([markOf(1, 20)]);
    expect(await toOf(open())).toEqual({ "till 0": 10, "till 1": 20 });
    expect((await readFile(file, "utf8")).split("\n")).toHaveLength(3);
  });
});

test("the list does not grow without end", async () => {
  await inFolder(async (folder, open) => {
    const copies = open();
    const many = Array.from({ length: 2000 }, (_, at) => markOf(at % 10, at));
    for (let times = 0; times < 20; times++) await copies.write(many);
    expect((await stat(join(folder, "marks"))).size).toBeLessThan(4 << 20);
    expect((await copies.read()).size).toBe(10);
  });
});
