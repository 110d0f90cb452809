import { expect, test } from "bun:test";
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { folder, loadConfigOf, loadUploader, problemsOf } from "./loading.ts";

const watching = (...watches: string[]) =>
  problemsOf(`role: uploader\nuploader: {watch: [${watches.map((watch) => `{${watch}}`).join(", ")}]}`);

test("an uploader's defaults are those of the documentation", async () => {
  expect(await loadUploader("uploader: {watch: [{path: /w}]}")).toEqual({
    watch: [{ path: "/w", as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} }],
    settleMs: 5000,
    maxAgeMs: undefined,
    existing: true,
    rescanMs: 60_000,
    rescanContentMs: undefined,
    chunkBytes: "auto",
    checksum: "md5",
    compression: "none",
    partitioning: "file",
    inFlightBytes: 8_388_608,
    parallel: 4,
    rateBytesPerSecond: undefined,
    after: "keep",
    afterWhen: "delivered",
    afterGroups: ["streamsend"],
    moveTo: undefined,
    testFile: undefined,
  });
});

test("test files have to be such as the first watch takes", async () => {
  const every = ["uploader.test_file.every=1m"];
  const yaml = (rules: string) => `role: uploader\nuploader: {watch: [{path: /w, ${rules}}]}`;
  expect(await problemsOf(yaml("include: ['*.bin']"), { set: every })).toEqual([]);
  const problem =
    "uploader.test_file.every: the first watch's include and exclude must let it through (streamsend-test-1.bin)";
  expect(await problemsOf(yaml("include: ['*.txt']"), { set: every })).toEqual([problem]);
  expect(await problemsOf(yaml("exclude: ['streamsend-*']"), { set: every })).toEqual([problem]);
});

test("an uploader needs a watch", async () => {
  expect(await problemsOf("role: uploader")).toEqual(["uploader.watch: needs at least one directory"]);
});

test("system directories themselves are refused, folders in them are not", async () => {
  const system = [
    "/",
    "/bin",
    "/boot/",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/libx",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var",
    "/run/user",
    "/run/media",
    "/var/../etc",
    "//etc",
  ];
  for (const path of system) {
    const problems = await watching(`path: ${path}`);
    expect(problems).toEqual([expect.stringContaining("uploader.watch.0.path: is a system directory")]);
  }
  for (const path of [
    "/var/spool/outbox",
    "/etc/x",
    "/usr/share/x",
    "/dev/shm",
    "/run/media/usb",
    "/srv",
    "/home",
  ]) {
    expect(await watching(`path: ${path}`)).toEqual([]);
  }
});

test("a link to a system directory is one", async () => {
  const links = { etc: "/etc", run: "/run/user", chain: join(folder, "etc") };
  for (const [name, target] of Object.entries(links)) {
    const path = join(folder, name);
    symlinkSync(target, path);
    expect(await watching(`path: ${path}`)).toEqual([expect.stringContaining("is a system directory")]);
  }
});

test("what the system's directories link to is refused too: on a merged /usr, /bin is /usr/bin", async () => {
  expect(await watching(`path: ${realpathSync("/bin")}`)).toEqual([
    expect.stringContaining("is a system directory"),
  ]);
});

test("watches that overlap are refused, also through a link", async () => {
  mkdirSync(join(folder, "real/inner"), { recursive: true });
  symlinkSync(join(folder, "real"), join(folder, "link"));
  const overlap = [
    ["/a", "/a"],
    ["/a", "/a/b"],
    ["/a/b/c", "/a"],
    [join(folder, "real"), join(folder, "link/inner")],
    [join(folder, "link"), join(folder, "real/not-yet")],
  ];
  for (const [one, other] of overlap) {
    const problems = await watching(`path: ${one}, as: x`, `path: ${other}, as: y`);
    expect(problems).toEqual([
      expect.stringContaining("uploader.watch.1.path: overlaps uploader.watch.0.path"),
    ]);
  }
  expect(await watching("path: /a, as: x", "path: /ab, as: y")).toEqual([]);
  expect(await watching("path: /a, as: x, recursive: false", "path: /a/b, as: y")).toEqual([]);
  expect(await watching("path: /a, as: x, recursive: false", "path: /a, as: y")).toHaveLength(1);
});

test("watches that could give two files one path are refused", async () => {
  const clash = ["uploader.watch.1.as: could give two files one path"];
  for (const [one, other] of [
    ["as: ''", "as: ''"],
    ["as: x", "as: ./x/"],
    ["as: x", "as: x/y"],
    ["as: x/y", "as: x"],
    ["as: ''", "as: x"],
  ]) {
    const problems = await watching(`path: /a, ${one}`, `path: /b, ${other}`);
    expect(problems).toEqual(clash.map((text) => expect.stringContaining(text)));
  }
  expect(await watching("path: /a, as: x", "path: /b, as: xy")).toEqual([]);
  expect(await watching("path: /a, as: x, recursive: false", "path: /b, as: x/y")).toEqual([]);
});

test("an output or move_to inside a watch is refused", async () => {
  const base = "role: uploader\nuploader: {watch: [{path: /a}]";
  expect(await problemsOf(`${base}}\ndownloader: {output: /a/in}`)).toEqual([
    "downloader.output: must be outside every watch, but is in uploader.watch.0.path (/a/in)",
  ]);
  for (const path of ["/a", "/a/sent", "/b/../a/x"]) {
    expect(await problemsOf(`${base}, move_to: ${path}}`)).toHaveLength(1);
  }
  expect(await problemsOf(`${base}, move_to: /b}`)).toEqual([]);
});

test("move needs a place to move to, on the same file system", async () => {
  const base = `role: uploader\nuploader: {watch: [{path: ${folder}}], after: move`;
  expect(await problemsOf(`${base}}`)).toContain("uploader.move_to: required for uploader.after: move");
  expect(await problemsOf(`${base}, move_to: /proc/self}`)).toContain(
    "uploader.move_to: must be on the file system of uploader.watch.0.path (/proc/self)",
  );
});

test("a destination folder stays below the destination", async () => {
  for (const as of ["/x", "..", "x/../y", "x/..", ".streamsend", "./.streamsend/x", '"a\\0b"', '"a\\nb"']) {
    const problems = await watching(`path: /a, as: ${as}`);
    expect(problems).toEqual([expect.stringMatching(/^uploader\.watch\.0\.as: must /)]);
  }
  expect(await watching("path: /a, as: ...")).toEqual([]);
  expect(await watching("path: /a, as: x/.streamsend")).toEqual([]);
});

test("limits that could not work are refused", async () => {
  const of = (text: string) => problemsOf(`role: uploader\nuploader: {watch: [{path: /w}], ${text}}`);
  expect(await of("chunk: 1023")).toEqual(["uploader.chunk: must be auto, or at least 1KiB (1023)"]);
  expect(await of("chunk: 2GB")).toEqual(["uploader.chunk: must be auto, or at most 1GB (2GB)"]);
  expect(await of("chunk: 16MiB")).toEqual(["uploader.in_flight: must be at least uploader.chunk (8MiB)"]);
  expect(await of("chunk: big")).toEqual([
    "uploader.chunk: must be auto, or a size such as 943759, 1MB or 1MiB (big)",
  ]);
  expect(await of("rescan: 25d")).toEqual(["uploader.rescan: must be at most 24d (25d)"]);
  expect(await of("rate: 0MB/s")).toEqual(["uploader.rate: must be at least 1KiB/s (0MB/s)"]);
  expect(await of("parallel: 0")).toHaveLength(1);
  expect(await of("after_groups: []")).toEqual(["uploader.after_groups: must name at least one group"]);
  expect(await of("after_groups: [one, two, one]")).toEqual([
    expect.stringMatching(/^uploader\.after_groups: must name each group once/),
  ]);
  expect(await of('after_groups: ["half \\ud800"]')).toEqual([
    expect.stringMatching(/^uploader\.after_groups: must not have half a character/),
  ]);
  expect(await of(`after_groups: [${"x".repeat(250)}]`)).toEqual([
    expect.stringMatching(/^uploader\.after_groups: must be at most 249 characters/),
  ]);
});

test("a ~ is not taken for a folder's name", async () => {
  expect(await watching("path: ~/outbox")).toEqual([expect.stringContaining("~ is not expanded")]);
});

test("globs have to be relative", async () => {
  expect(await watching("path: /a, include: [/a/*.txt]")).toEqual([
    "uploader.watch.0.include: must be a glob on the relative path, without a / in front (/a/*.txt)",
  ]);
  expect(await loadConfigOf("", { set: ["uploader.watch.0.include=**/*.txt"] })).toMatchObject({
    uploader: { watch: [{ include: ["**/*.txt"] }] },
  });
});

test("the group that a source waits for is the topic's, unless another is named", async () => {
  const watch = "uploader: {watch: [{path: /tmp/watched}]";
  const of = async (more: string) =>
    (await loadUploader(`${watch}${more}}\nkafka: {topic: photos}`)).afterGroups;
  expect(await of("")).toEqual(["photos"]);
  expect(await of(", after_groups: [archive]")).toEqual(["archive"]);
});
