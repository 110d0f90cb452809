import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import biome from "../../biome.json" with { type: "json" };

const forbidden = [
  'import { rename } from "node:fs/promises";',
  'import { stat, rm as gone } from "node:fs/promises";',
  'import { type FileHandle, open } from "node:fs/promises";',
  'import { writeFileSync } from "fs";',
  'import * as fs from "node:fs";',
  'import fs from "node:fs";',
  'import { spawn } from "node:child_process";',
  'import { dlopen } from "bun:ffi";',
  'import { write } from "bun";',
  'const { rm } = await import("node:fs/promises");',
  'const { rm } = require("node:fs");',
  'await Bun.write("a", "b");',
  'await Bun.file("a").delete();',
  "const { write } = Bun;",
  "client.produce(topic, 0, value);",
  "await client?.produce(topic, 0, value);",
  "client.commitAndWait(offsets);",
  "consumer.commitSync(offsets);",
  "setModificationTime(path, 0n);",
  "native.storeWhole(path, bytes, 0o600, time, answer);",
  "const isOld = Date.now() - file.mtimeMs > ageMs;",
  "const later = setTimeout(work, untilMs, Date.now);",
  "const started = new Date();",
  "const text = Date();",
  "const nowMs = performance.timeOrigin + performance.now();",
  "const isOld = deviceNowMs() - file.mtimeMs > ageMs;",
  "const hash = Bun.hash(path);",
  "const hash = Bun.hash.xxHash64(path, seed);",
  "native.removeBelow(root, relative, expected, true, answer);",
  "this.#native.moveBelow(root, relative, expected, true, to, name, answer);",
  'import { run } from "../commands/run.ts";',
  'import type { Watch } from "../../uploader/access/watch.ts";',
  'export { startHttp } from "../http/server.ts";',
];
/** What only some rooms may not say. */
const forbiddenIn = {
  "agent/lib/up.ts": 'import { resolve } from "../config/resolve.ts";',
  "agent/config/up.ts": 'import { Log } from "../observe/log.ts";',
  "agent/observe/up.ts": 'import { KafkaError } from "../kafka/errors.ts";',
  "agent/kafka/topics/up.ts": 'import type { Watch } from "../../uploader/access/watch.ts";',
  "agent/ledger/up.ts": 'import { runUploader } from "../uploader/uploader.ts";',
  "agent/ledger/group/up.ts": 'import { Session } from "../../downloader/session.ts";',
  "agent/uploader/send/up.ts": 'import { Session } from "../../downloader/session.ts";',
  "agent/http/up.ts": 'import { Session } from "../downloader/session.ts";',
  "agent/doctor/up.ts": 'import { run } from "../commands/run.ts";',
  "agent/kafka/late.ts": 'const { runUploader } = await import("../uploader/uploader.ts");',
  "agent/ledger/client.ts": 'import RdKafka from "@confluentinc/kafka-javascript";',
  "agent/ledger/deep.ts": 'import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";',
  "agent/ledger/type.ts": 'import type { Client } from "@confluentinc/kafka-javascript/types/rdkafka.js";',
};
const allowed = {
  "agent/lib/local-disk.ts": 'import { rename, rm } from "node:fs/promises";',
  "agent/lib/files-below.ts": 'import { close, read } from "node:fs";',
  "agent/observe/log.ts": 'import { writeSync } from "node:fs";',
  "agent/kafka/producer.ts": "client.produce(topic, 0, value);",
  "agent/downloader/constants.ts": 'import { constants, type Stats } from "node:fs";',
  "agent/downloader/types.ts": 'import type { FileHandle } from "node:fs/promises";',
  "agent/downloader/reads.ts": 'import { readFile, stat } from "node:fs/promises";',
  "agent/wire/numbers.ts": "const checksum = Bun.hash.crc32(bytes);",
  "agent/downloader/commit.ts": "await group.commit(positions, note);",
  "agent/lib/clock.ts": "export const deviceNowMs = () => Date.now();",
  "agent/observe/stamp.ts": "const stamp = new Date(deviceNowMs());",
  "agent/doctor/clock.ts": "const aheadMs = deviceNowMs() - timestampMs;",
  "agent/downloader/waits.ts": "const sinceMs = performance.now();",
  "agent/downloader/says.ts": "const text = timeNow() + new Date(timeMs).toISOString();",
  "agent/downloader/imports.ts": 'import { Ledger } from "../ledger/ledger.ts";',
  "agent/kafka/client.ts": 'import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";',
  "agent/ledger/group/imports.ts": 'import { VersionClock } from "../uploader/version-clock.ts";',
  "agent/doctor/imports.ts": 'import { Watch } from "../uploader/access/watch.ts";',
  "test/support/files.ts": 'import { rm } from "node:fs/promises";',
};

const root = join(import.meta.dir, "../..");
const places = new Map<string, number>();
let folder: string;

/** Lints all of it in one go, with the project's own rules only. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-lint-"));
  await cp(join(root, "scripts/lint"), join(folder, "scripts/lint"), { recursive: true });
  const { plugins, overrides } = biome;
  const linter = { rules: { preset: "none" } };
  await writeFile(join(folder, "biome.json"), JSON.stringify({ plugins, overrides, linter }));
  const files = [
    ...forbidden.map((source, at) => [fileOf(at), source] as const),
    ...Object.entries({ ...forbiddenIn, ...allowed }),
  ];
  for (const [path, source] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), source);
  }
  const command = [join(root, "node_modules/.bin/biome"), "lint", "--reporter=json"];
  const lint = Bun.spawn([...command, "--max-diagnostics=none"], {
    cwd: folder,
    stdout: "pipe",
    stderr: "ignore",
  });
  const report = (await lint.stdout.json()) as {
    diagnostics: { category: string; location: { path: string } }[];
  };
  for (const { category, location } of report.diagnostics) {
    expect(category).toMatch(/^(plugin|lint\/style\/noRestrictedImports)$/);
    places.set(location.path, (places.get(location.path) ?? 0) + 1);
  }
});

afterAll(() => rm(folder, { recursive: true }));

test.each(forbidden.map((source, at) => [source, at] as const))(
  "a part of the agent may not say %s",
  (_, at) => {
    expect(places.get(fileOf(at))).toBe(1);
  },
);

test.each(Object.entries(forbiddenIn))("%s may not say %s", (path) => {
  expect(places.get(path)).toBe(1);
});

test.each(Object.keys(allowed))("%s may say what is its business, and what any part may", (path) => {
  expect(places.has(path)).toBe(false);
});

function fileOf(at: number): string {
  return `agent/downloader/forbidden-${at}.ts`;
}
