import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codes, KafkaError } from "../../../../agent/kafka/errors.ts";
import type { OnDelivered, OutgoingRecord } from "../../../../agent/kafka/producer.ts";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { Observer } from "../../../../agent/observe/observer.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { RangeSender } from "../../../../agent/uploader/send/range-sender.ts";
import { SourceFile } from "../../../../agent/uploader/send/source-file.ts";
import { LastOffsets, sentPlaceOf, type Target } from "../../../../agent/uploader/send/target.ts";
import { ChunkSize } from "../../../../agent/uploader/transport/chunk-size.ts";
import { InFlightWindow } from "../../../../agent/uploader/transport/in-flight-window.ts";
import { Transport, type TransportOptions } from "../../../../agent/uploader/transport/transport.ts";
import type { UploadOptions } from "../../../../agent/uploader/upload-options.ts";
import { makeGate } from "../../../support/gate.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const once = new Set(["broker"]);
const calls: string[] = [];
const gate = makeGate((name) => calls.push(name));

interface Given {
  names: readonly string[];
  bytes?: number;
  /** Told of the limit that was refused, when the topic's is looked up. */
  onRefused?: (triedBytes: number) => void;
  /** Refuses a record at once. */
  refuse?: (record: OutgoingRecord) => Error | undefined;
  partitions?: readonly number[];
  renew?: () => Promise<void>;
}

/** Files of 2 MB in chunks of 400 kB, of which the window takes two; each stays under way until the test ends it. */
async function prepare({ names, bytes = 2_000_000, onRefused, refuse, renew, partitions = [0] }: Given) {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
    warn: () => undefined,
  });
  const watch = new Watch(
    { path: folder, as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} },
    new FileSystemGate(folder, Number.POSITIVE_INFINITY, log),
  );
  const underWay: { bytes: number; partition: number; end: OnDelivered }[] = [];
  const targets: Target[] = [];
  const chunkSize = new ChunkSize(400_000, 1_048_588);
  const transport = new Transport({
    producer: {
      enqueue: async (record: OutgoingRecord, end: OnDelivered) => {
        const refusal = refuse?.(record);
        if (refusal) throw refusal;
        underWay.push({ bytes: record.value?.length ?? 0, partition: record.partition, end });
      },
      renew,
      limitBatches: async () => undefined,
    },
    topic: {
      value: { name: "topic", id: "id", partitions: 1, maxMessageBytes: 1_048_588 },
      refresh: async () => onRefused?.(chunkSize.topicBytes),
      end: async (partition: number) => 100 * partition,
    },
    ledgerBytes: 1_048_588,
    window: new InFlightWindow(1 << 20, undefined),
    chunkSize,
    log,
  } as unknown as TransportOptions);
  const options = {
    transport,
    ledger: { uploader: "till", ready: async () => undefined, readyFor: async () => undefined },
    reporting: {
      log,
      observer: new Observer({
        role: "uploader",
        name: "till",
        version: "",
        host: "",
        troubles: log.troubles,
      }),
    },
    run: { signal: new AbortController().signal, once: false },
  } as unknown as UploadOptions;
  const sendings = names.map(async (name) => {
    writeFileSync(join(folder, name), Buffer.alloc(bytes));
    const source = await SourceFile.open(gate, watch.file(name), "md5");
    if (!source) throw new Error("it is gone");
    const target: Target = {
      version: 1,
      topicId: "id",
      partitions,
      lasts: new LastOffsets(),
      from: undefined,
      algorithm: "md5",
      attributes: undefined,
      checksum: () => source.checksum(),
    };
    targets.push(target);
    const sender = new RangeSender(options, source, target, [[0, bytes]], undefined);
    await sender.send();
    sender.close();
    await source.close();
  });
  return { chunkSize, underWay, targets, sent: Promise.all(sendings) };
}

test("what waits for the window while the link turns out to carry less is sent in smaller chunks", async () => {
  const { chunkSize, underWay, sent } = await prepare({ names: ["a.bin", "b.bin"] });
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

test("an empty file whose record was refused is sent again, though what was to help has failed too", async () => {
  let renewals = 0;
  const renew = async () => {
    if (renewals++ < 2) throw new AgentError("no broker can be reached", "retryable");
  };
  const { underWay, sent } = await prepare({ names: ["empty"], bytes: 0, renew });
  let isSent = false;
  const ended = sent.then(() => {
    isSent = true;
  });
  for (let refusals = 0; refusals < 3; refusals++) {
    while (underWay.length === 0 && !isSent) await Bun.sleep(1);
    expect(isSent).toBe(false);
    underWay.pop()?.end(new AgentError("the client is to be made anew", "fatal"), undefined);
  }
  while (underWay.length === 0 && !isSent) await Bun.sleep(1);
  expect(isSent).toBe(false);
  underWay.pop()?.end(undefined, { partition: 0, offset: 0, timestampMs: 0 });
  await ended;
});

test("what the client refuses at once as too large is known by the limit that it was made for", async () => {
  const tried: number[] = [];
  const { underWay, sent } = await prepare({
    names: ["a"],
    bytes: 300_000,
    onRefused: (triedBytes) => tried.push(triedBytes),
    refuse: ({ value }) =>
      (value?.length ?? 0) > 250_000
        ? new KafkaError("producing", codes.messageTooLarge, "message size too large")
        : undefined,
  });
  let isSent = false;
  const ended = sent.then(() => {
    isSent = true;
  });
  let offset = 0;
  while (!isSent) {
    await Bun.sleep(1);
    for (const { end } of underWay.splice(0))
      end(undefined, { partition: 0, offset: offset++, timestampMs: 0 });
  }
  await ended;
  expect(tried).toEqual([1_048_588, 524_294, 262_147]);
});

test("what was made before the topic's limit was lowered, and is refused after that, does not lower it again", async () => {
  const { chunkSize, underWay, sent } = await prepare({ names: ["a", "b", "c", "d"], bytes: 400_000 });
  while (underWay.length < 2) await Bun.sleep(1);
  const refused = () => new KafkaError("producing", codes.messageTooLarge, "message size too large");
  // Two fit: the third is sent when the first is refused, the fourth only after the limit was lowered.
  const [first, second] = underWay.splice(0);
  first?.end(refused(), undefined);
  while (underWay.length === 0 || chunkSize.topicBytes > 524_294) await Bun.sleep(1);
  const [third] = underWay.splice(0);
  third?.end(refused(), undefined);
  while (underWay.length === 0) await Bun.sleep(1);
  for (const { end } of underWay.splice(0)) end(refused(), undefined);
  second?.end(undefined, { partition: 0, offset: 0, timestampMs: 0 });
  let isSent = false;
  const ended = sent.then(() => {
    isSent = true;
  });
  for (let offset = 1; !isSent; await Bun.sleep(1))
    for (const { end } of underWay.splice(0))
      end(undefined, { partition: 0, offset: offset++, timestampMs: 0 });
  await ended;
  expect(chunkSize.topicBytes).toBe(524_294);
});

/** Ends what is under way, the last first, at offsets that rise in each partition. */
async function endAll({ underWay, sent }: Awaited<ReturnType<typeof prepare>>) {
  const ended: { partition: number; offset: number }[] = [];
  let isSent = false;
  const whole = sent.then(() => {
    isSent = true;
  });
  for (; !isSent; await Bun.sleep(1)) {
    const inOrder = underWay.splice(0).map(({ partition, end }) => {
      const offset = 100 * partition + ended.filter((one) => one.partition === partition).length;
      ended.push({ partition, offset });
      return () => end(undefined, { partition, offset, timestampMs: 0 });
    });
    for (const end of inOrder.reverse()) end();
  }
  await whole;
  return ended;
}

test("chunks go to the partitions in turns, and the entry says where the last of each is, whatever their order", async () => {
  const sending = await prepare({ names: ["a"], partitions: [2, 0, 1] });
  const ended = await endAll(sending);
  expect(ended.map(({ partition }) => partition)).toEqual([2, 0, 1, 2, 0]);
  const [target] = sending.targets;
  expect(target && sentPlaceOf(target)).toEqual({
    ...{ topic: "id", partition: 2, offset: 201 },
    from: "id 2@200 0@0 1@100",
    to: expect.stringMatching(/^id( 2@201| 0@1| 1@100){3}$/),
  });
});

test("a small file is one call to its file system from its opening to its acknowledgement, a larger one four", async () => {
  for (const [bytes, expected] of [
    [4096, ["open"]],
    [100_000, ["open", "read", "look", "close"]],
  ] as const) {
    calls.length = 0;
    await endAll(await prepare({ names: ["a"], bytes }));
    expect(calls).toEqual([...expected]);
  }
});

test("a file of one chunk is in the first of the partitions, and has no other place", async () => {
  const sending = await prepare({ names: ["a"], bytes: 300_000, partitions: [2, 0, 1] });
  expect(await endAll(sending)).toEqual([{ partition: 2, offset: 200 }]);
  const [target] = sending.targets;
  expect(target && sentPlaceOf(target)).toEqual({
    ...{ topic: "id", partition: 2, offset: 200, from: undefined, to: undefined },
  });
});
