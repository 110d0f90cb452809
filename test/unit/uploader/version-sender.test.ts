import { afterEach, expect, test } from "bun:test";
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OnDelivered, OutgoingRecord } from "../../../agent/kafka/producer.ts";
import { AgentError } from "../../../agent/lib/errors.ts";
import { Log } from "../../../agent/observe/log.ts";
import { Observer } from "../../../agent/observe/observer.ts";
import { ChunkSize } from "../../../agent/uploader/chunk-size.ts";
import { FileAccess } from "../../../agent/uploader/file-access.ts";
import { SourceFile } from "../../../agent/uploader/source-file.ts";
import type { UploadOptions } from "../../../agent/uploader/upload-options.ts";
import { VersionSender } from "../../../agent/uploader/version-sender.ts";
import { Watch } from "../../../agent/uploader/watched-file.ts";
import { Window } from "../../../agent/uploader/window.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const once = new Set(["broker"]);

/** Files of 2 MB in chunks of 400 kB, of which the window takes two; each stays under way until the test ends it. */
async function prepare(names: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
    warn: () => undefined,
  });
  const watch = new Watch(
    { path: folder, as: "", include: ["**/*"], exclude: [], recursive: true },
    new FileAccess(folder, Number.POSITIVE_INFINITY, log),
  );
  const underWay: { bytes: number; end: OnDelivered }[] = [];
  const chunkSize = new ChunkSize(400_000, 1_048_588);
  const options = {
    config: { inFlightBytes: 1 << 20 },
    producer: {
      enqueue: async ({ value }: OutgoingRecord, end: OnDelivered) => {
        underWay.push({ bytes: value?.length ?? 0, end });
      },
    },
    ledger: { uploader: "till" },
    topic: { value: { name: "topic", id: "id", partitions: 1 } },
    topicLimit: { rise: () => undefined },
    window: new Window(1 << 20, undefined),
    chunkSize,
    log,
    observer: new Observer({ role: "uploader", name: "till", version: "", host: "", troubles: log.troubles }),
    signal: new AbortController().signal,
  } as unknown as UploadOptions;
  const sendings = names.map(async (name) => {
    writeFileSync(join(folder, name), Buffer.alloc(2_000_000));
    const stats = lstatSync(join(folder, name), { bigint: true });
    const source = await SourceFile.open({ file: watch.file(name), stats }, "md5");
    const target = {
      version: 1,
      topicId: "id",
      partition: 0,
      from: { topic: "id", offsets: [{ partition: 0, offset: 0 }] },
      algorithm: "md5" as const,
      checksum: () => source.checksum(),
    };
    const sender = new VersionSender(options, source, target, [[0, 2_000_000]], undefined);
    await sender.send(
      () => undefined,
      () => undefined,
    );
    await source.close();
  });
  return { chunkSize, underWay, sent: Promise.all(sendings) };
}

test("what waits for the window while the link turns out to carry less is sent in smaller chunks", async () => {
  const { chunkSize, underWay, sent } = await prepare(["a.bin", "b.bin"]);
  while (underWay.length < 2) await Bun.sleep(1);
  const first = underWay.splice(0);
  expect(first.map(({ bytes }) => bytes)).toEqual([400_000, 400_000]);
  for (let left = 5; left > 0; left--) chunkSize.link.look(once, 1_048_588);
  const trustedBytes = chunkSize.link.bytes;
  for (const { end } of first) end(new AgentError("the producer was made anew", "retryable"), undefined);
  const sizes: number[] = [];
  let isSent = false;
  const ended = sent.then(() => {
    isSent = true;
  });
  while (!isSent) {
    await Bun.sleep(1);
    for (const { bytes, end } of underWay.splice(0))
      end(undefined, { partition: 0, offset: sizes.push(bytes), timestampMs: 0 });
  }
  await ended;
  expect(trustedBytes).toBeLessThan(400_000);
  expect(Math.max(...sizes)).toBe(trustedBytes);
});
