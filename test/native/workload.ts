/**
 * workload.ts BOOTSTRAP produce|consume|reconnect SECONDS: one kind of work without end, in a process of its own. Prints a sample a line, as
 * JSON, about ten for the given time; leak.test.ts judges them.
 */
import type { EventEmitter } from "node:events";
import { readdirSync } from "node:fs";
import {
  call,
  connectConsumer,
  connectProducer,
  consume,
  createTopic,
  disconnect,
  produceAll,
} from "./client.ts";

export interface Sample {
  /** Resident memory after a collection. */
  residentBytes: number;
  /** Bytes moved, or cycles made, since the start. */
  done: number;
  threads: number;
  descriptors: number;
}

const recordBytes = 943_759;
const windowRecords = 8;

const [bootstrap = "", work, seconds] = process.argv.slice(2);
const durationMs = Number(seconds) * 1000;
const started = performance.now();
let sampled = 0;

/** Prints a sample when one is due. False when the time is over. */
function goOn(done: number): boolean {
  const elapsedMs = performance.now() - started;
  if (elapsedMs >= ((sampled + 1) * durationMs) / 10) {
    sampled++;
    Bun.gc(true);
    const sample: Sample = {
      residentBytes: process.memoryUsage.rss(),
      done,
      threads: readdirSync("/proc/self/task").length,
      descriptors: readdirSync("/proc/self/fd").length,
    };
    console.log(JSON.stringify(sample));
  }
  return elapsedMs < durationMs;
}

/** Many GB through one producer, as the uploader does it: one reused buffer, a bounded window. */
async function produce(): Promise<void> {
  const producer = await connectProducer(bootstrap);
  // The broker drops what is old, or the disk would be full before a leak is seen.
  await createTopic(producer, "produce", 1, {
    "retention.bytes": String(100 * recordBytes),
    "segment.bytes": String(50 * recordBytes),
    "file.delete.delay.ms": "100",
  });
  const chunk = Buffer.alloc(recordBytes, 7);
  let open = 0;
  let done = 0;
  let number = 0;
  let room: (() => void) | undefined;
  (producer as EventEmitter).on("delivery-report", (_: null, reports: Buffer) => {
    const count = reports.length / 40;
    open -= count;
    done += count * recordBytes;
    room?.();
  });
  while (goOn(done)) {
    const code = producer.getClient().sendRecord("produce", 0, chunk, "key", ["offset", `${done}`], ++number);
    if (code !== 0) throw new Error(`error ${code}`);
    if (++open >= windowRecords) await new Promise<void>((resolve) => (room = resolve));
  }
  await disconnect(producer);
}

/** Many GB through one consumer: a stretch of log, again and again. */
async function consumeAgain(): Promise<void> {
  const records = 200;
  const producer = await connectProducer(bootstrap);
  await createTopic(producer, "consume");
  await produceAll(
    producer,
    "consume",
    Array.from({ length: records }, () => Buffer.alloc(recordBytes, 7)),
  );
  await disconnect(producer);
  const consumer = await connectConsumer(bootstrap, { "queued.max.messages.kbytes": 4096 });
  consumer.assign([{ topic: "consume", partition: 0, offset: 0 }]);
  let done = 0;
  while (goOn(done)) {
    for (const { offset, value, memory } of await consume(consumer)) {
      memory?.release();
      done += value?.length ?? 0;
      if (offset === records - 1) {
        await call((called) => consumer.seek({ topic: "consume", partition: 0, offset: 0 }, 10_000, called));
      }
    }
  }
  await disconnect(consumer);
}

/** Clients that connect, work and disconnect. */
async function reconnect(): Promise<void> {
  const producer = await connectProducer(bootstrap);
  await createTopic(producer, "reconnect");
  await disconnect(producer);
  let done = 0;
  const cycle = async () => {
    const producer = await connectProducer(bootstrap);
    const reports = await produceAll(producer, "reconnect", ["x"]);
    await disconnect(producer);
    const position = { topic: "reconnect", partition: 0, offset: reports[0]?.offset ?? 0 };
    const consumer = await connectConsumer(bootstrap);
    consumer.assign([position]);
    await consume(consumer);
    await call((called) => consumer.getClient().commitAndWait([position], 10_000, called));
    await disconnect(consumer);
    done++;
  };
  while (goOn(done)) await Promise.all([cycle(), cycle(), cycle(), cycle()]); // each waits for the broker most of its time
}

const works: Record<string, () => Promise<void>> = { produce, consume: consumeAgain, reconnect };
const chosen = works[work ?? ""];
if (chosen) await chosen();
