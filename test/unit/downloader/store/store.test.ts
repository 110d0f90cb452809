import { expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpenFiles } from "../../../../agent/downloader/store/open-files.ts";
import { noteEnding, partialName, Store } from "../../../../agent/downloader/store/store.ts";
import { localDisk } from "../../../support/local-disk.ts";

async function inStore(work: (store: Store, partials: string) => Promise<void>): Promise<void> {
  const output = await mkdtemp(join(tmpdir(), "streamsend-store-"));
  const files = new OpenFiles(localDisk());
  const store = new Store(output, files, { agent: "a", host: "", pid: 1, group: "", session: "1" });
  try {
    await mkdir(join(output, ".streamsend/partial"), { recursive: true });
    await work(store, join(output, ".streamsend/partial"));
  } finally {
    await files.dropAll();
    await store.close();
    await rm(output, { recursive: true });
  }
}

test("a path that was made up to meet another one under a quick hash has a partial of its own", () => {
  const dashes = "-".repeat(16);
  const id = { uploader: "till", version: 7, partition: 0 };
  const one = { ...id, path: `in/kxCFxOpi${dashes}--------iRM_In0U${dashes}` };
  const other = { ...id, path: `in/p9P0X_T4${dashes}--------kg-odaej${dashes}` };
  expect(partialName(one)).not.toBe(partialName(other));
});

test("a partial that the version before has left goes on under its name of now", async () => {
  await inStore(async (store, partials) => {
    // As 0.1.0 wrote it.
    const from = { topic: "n8XqQ1tHQbGqGL8hUaTcAw", offsets: [{ partition: 3, offset: 20 }] };
    const note = {
      uploader: "till",
      path: "a.bin",
      version: 7,
      size: 10,
      mtime: "0",
      algorithm: "md5",
      from,
    };
    const id = { ...note, partition: 3 };
    await writeFile(join(partials, "7-0123456789abcdef"), "012345");
    await writeFile(
      join(partials, "7-0123456789abcdef.json"),
      JSON.stringify({ ...note, coverage: [[0, 6]] }),
    );
    // Its bytes were removed.
    await writeFile(
      join(partials, "8-0123456789abcdef.json"),
      JSON.stringify({ ...note, version: 8, coverage: [[0, 6]] }),
    );
    await store.open();
    const [partial] = await store.partials(0);
    expect(partial?.missing).toEqual([[6, 10]]);
    expect(partial?.note()).toMatchObject({ ...id, from });
    expect((await readdir(partials)).sort()).toEqual([partialName(id), partialName(id) + noteEnding]);
    expect(await readFile(join(partials, partialName(id)), "utf8")).toBe("012345");
  });
});

test("attributes are kept with a partial, and with what is about to be published", async () => {
  await inStore(async (store, partials) => {
    await store.open();
    const attributes = { store: "0042" };
    const id = { uploader: "till", path: "a.bin", version: 7, partition: 0 };
    const note = { ...id, size: 10, mtime: "0", algorithm: "md5" as const, coverage: [] };
    const last = { ...id, offset: 6, size: 10, mtime: 0n, value: Buffer.from("6789"), index: 2, count: 2 };
    const checksum = `md5:${"0f".repeat(16)}`;
    const partial = store.partial(note);
    await partial.place({ kind: "chunk", ...last, algorithm: "md5", checksum, attributes });
    expect(partial.attributes).toEqual(attributes);
    await store.writeNotes([partial.note()]);
    const [again] = await store.partials(0);
    expect([again?.checksum, again?.attributes]).toEqual([checksum, attributes]);
    expect(again?.memoryBytes).toBeGreaterThan(store.partial({ ...note, checksum }).memoryBytes);
    const publication = { ...id, size: 10, checksum, partial: partialName(id), target: "till/a.bin" };
    await store.writePublishing([{ ...publication, attributes }, publication]);
    expect(await store.notes.publishing()).toEqual([{ ...publication, attributes }, publication]);
    // What no agent has written counts as no note, and what it stood for is fetched again.
    const odd = JSON.stringify({ ...partial.note(), attributes: { "not a name": 7 } });
    await writeFile(join(partials, partialName(id) + noteEnding), odd);
    expect(await store.partials(0)).toEqual([]);
  });
});

test("what is published has a number of its own, which is known again when the store is opened again", async () => {
  await inStore(async (store) => {
    await store.open();
    expect(store.number).toBe(0);
    const id = { uploader: "till", path: "a.bin", version: 7, partition: 0 };
    const publication = { ...id, size: 10, checksum: "", partial: partialName(id), target: "till/a.bin" };
    await store.writePublishing([publication]);
    await store.writePublishing([]);
    await store.writePublishing([publication]);
    expect(store.number).toBe(2);
    await store.close();
    await store.open();
    expect(store.number).toBe(2);
    await store.raiseNumber(9);
    await store.close();
    await store.open();
    expect(store.number).toBe(9);
    expect((await readdir(store.folder)).filter((name) => name.startsWith("published-"))).toEqual([
      "published-9",
    ]);
  });
});
