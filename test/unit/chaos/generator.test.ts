import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Contents } from "../../../scripts/chaos-parts/contents.ts";
import { Generator } from "../../../scripts/chaos-parts/generator.ts";
import { drawStep } from "../../../scripts/chaos-parts/generator-draw.ts";
import { Journal } from "../../../scripts/chaos-parts/journal.ts";
import { Truth } from "../../../scripts/chaos-parts/truth.ts";
import { Random } from "../../support/random.ts";
import { waitUntil } from "../../support/wait.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "streamsend-generator-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

test("a seed gives the same choices again, and another one others", () => {
  const choices = (seed: number) => {
    const random = new Random(seed);
    return random.list(50, () => drawStep(random, false));
  };
  expect(choices(3)).toEqual(choices(3));
  expect(choices(3)).not.toEqual(choices(4));
});

test("no two files have the same content, however small they are", async () => {
  const contents = new Contents(1);
  const made = new Set<string>();
  for (let at = 0; at < 20; at++)
    made.add(await contents.write(join(root, String(at)), 1 + (at % 2) * 2_000_000));
  expect(made.size).toBe(20);
});

test("what the generator leaves at each path is what its record says, by checksum, size and time", async () => {
  const source = { uploader: "till-1", folder: join(root, "source") };
  const staging = join(root, "staging");
  for (const folder of [source.folder, staging]) mkdirSync(folder);
  const truth = new Truth([]);
  const generator = new Generator({
    random: new Random(5),
    truth,
    contents: new Contents(5),
    journal: new Journal(),
    sources: [source],
    staging,
    largestFirst: false,
    openWriterMs: undefined,
    takenFromWriter: () => undefined,
    removing: (_, act) => act(),
  });
  const over = new AbortController();
  const running = generator.run(over.signal);
  const endings = () => [...truth.records].flatMap(({ states }) => states.map(({ end }) => end));
  // Without disks everything is everywhere at once, so that nothing is left alone.
  await waitUntil(
    "files were replaced and removed",
    () => endings().includes("replaced") && endings().includes("removed"),
  );
  over.abort();
  await running;
  const standing = [...truth.records].filter(({ key }) => truth.current(key));
  expect(standing.length).toBeGreaterThan(0);
  for (const { key } of standing) {
    const path = join(source.folder, key.slice("till-1/".length));
    const { md5, size, mtimeNs } = truth.current(key) ?? {};
    const stats = statSync(path, { bigint: true });
    const hash = new Bun.CryptoHasher("md5").update(readFileSync(path)).digest("hex");
    expect([md5, size, mtimeNs]).toEqual([hash, Number(stats.size), stats.mtimeNs]);
  }
  const files = readdirSync(source.folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(files).toHaveLength(standing.length);
  expect(existsSync(staging) && readdirSync(staging)).toEqual([]);
});

test("a writer that keeps a file open notices that it is taken away, and adds to it on record otherwise", async () => {
  const source = { uploader: "till-1", folder: join(root, "source") };
  const staging = join(root, "staging");
  for (const folder of [source.folder, staging]) mkdirSync(folder);
  const truth = new Truth([]);
  const taken: string[] = [];
  const journal = new Journal();
  const generator = new Generator({
    random: new Random(31506),
    truth,
    contents: new Contents(5),
    journal,
    sources: [source],
    staging,
    largestFirst: false,
    openWriterMs: 1,
    takenFromWriter: (key) => taken.push(key),
    removing: (_, act) => act(),
  });
  const over = new AbortController();
  const running = generator.run(over.signal);
  const held = () =>
    [...truth.records].map(({ key }) => key).filter((key) => journal.excerpt(key, 0).includes("has it open"));
  const openNow = () =>
    readdirSync("/proc/self/fd")
      .map((fd) => readlinkOrNothing(`/proc/self/fd/${fd}`))
      .filter((path) => path.startsWith(`${source.folder}/`));
  await waitUntil("a writer has added to a file", () => held().length > 0);
  const path = await waitUntil("a file is held open", () => openNow()[0]);
  rmSync(path);
  await waitUntil("the writer notices", () => taken.length > 0);
  expect(taken[0]).toBe(`till-1/${path.slice(source.folder.length + 1)}`);
  over.abort();
  await running;
}, 120_000);

function readlinkOrNothing(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
