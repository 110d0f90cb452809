/** What the agent relies on of a reader of named partitions: the one on Kafka and the model's have to do it alike. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LogEvent, Position, RecordReader } from "../../agent/kafka/log-reader.ts";
import { waitUntil } from "../support/wait.ts";

export interface ReaderFixture extends AsyncDisposable {
  /** Of a topic that is empty, with two partitions. */
  open(from: readonly Position[]): Promise<RecordReader>;
  /** Their values are their offsets. */
  produce(partition: number, count: number): Promise<void>;
  /** What stands before the offset has expired. */
  expire(partition: number, before: number): Promise<void>;
}

const beginning = -2;

export function readerSuite(name: string, make: () => Promise<ReaderFixture>): void {
  describe(name, () => {
    let fixture: ReaderFixture;
    const readers: RecordReader[] = [];

    beforeEach(async () => {
      fixture = await make();
    });
    afterEach(async () => {
      for (const reader of readers.splice(0)) await reader.close();
      await fixture[Symbol.asyncDispose]();
    });

    async function open(...from: Position[]): Promise<RecordReader> {
      const reader = await fixture.open(from);
      readers.push(reader);
      return reader;
    }
    /** Until so many partitions have told of their end. */
    async function readToEnds(reader: RecordReader, partitions: number): Promise<LogEvent[]> {
      const events: LogEvent[] = [];
      await waitUntil(`${partitions} partitions are read`, async () => {
        const read = await reader.read(false);
        // They are looked at when all is read.
        for (const event of read) if (event.kind === "record") event.record.memory?.hold();
        events.push(...read);
        return (
          new Set(events.flatMap((one) => (one.kind === "end" ? one.partition : []))).size === partitions
        );
      });
      return events;
    }

    test("each named partition is read in order, from where it is wanted to its end, and no other one", async () => {
      await fixture.produce(0, 30);
      await fixture.produce(1, 5);
      const both = await readToEnds(await open({ partition: 0, offset: 10 }, { partition: 1, offset: 0 }), 2);
      expect([offsetsOf(both, 0), offsetsOf(both, 1)]).toEqual([range(10, 30), range(0, 5)]);
      const one = await readToEnds(await open({ partition: 1, offset: 2 }), 1);
      expect([offsetsOf(one, 0), offsetsOf(one, 1)]).toEqual([[], range(2, 5)]);
      for (const event of [...both, ...one])
        if (event.kind === "record") expect(event.record.value?.toString()).toBe(String(event.record.offset));
    });

    test("an end is told behind all that is before it, also of a partition that is empty", async () => {
      await fixture.produce(0, 30);
      const events = await readToEnds(
        await open({ partition: 0, offset: 0 }, { partition: 1, offset: 0 }),
        2,
      );
      const end = events.findIndex((one) => one.kind === "end" && one.partition === 0);
      expect(offsetsOf(events.slice(0, end), 0)).toEqual(range(0, 30));
    });

    test("the beginning is the first record that is there, as is what has expired, or is none yet", async () => {
      await fixture.produce(0, 10);
      await fixture.expire(0, 4);
      for (const offset of [beginning, 2, 1000]) {
        const events = await readToEnds(await open({ partition: 0, offset }), 1);
        expect(offsetsOf(events, 0)).toEqual(range(4, 10));
      }
    });

    test("a reader goes on with what comes later, waits only a moment for it, and tells of the end again", async () => {
      await fixture.produce(0, 3);
      const reader = await open({ partition: 0, offset: beginning });
      await readToEnds(reader, 1);
      expect(await reader.read(true)).toEqual([]);
      await fixture.produce(0, 2);
      const events = await readToEnds(reader, 1);
      expect(offsetsOf(events, 0)).toEqual([3, 4]);
      expect(events.at(-1)).toEqual({ kind: "end", partition: 0 });
      expect(await reader.read(true)).toEqual([]);
    });

    test("a reader that was closed reads nothing any more", async () => {
      await fixture.produce(0, 3);
      const reader = await open({ partition: 0, offset: 0 });
      await reader.close();
      await expect(reader.read(true)).rejects.toThrow("the reader was closed");
    });
  });
}

function offsetsOf(events: readonly LogEvent[], partition: number): number[] {
  return events.flatMap((event) =>
    event.kind === "record" && event.record.partition === partition ? event.record.offset : [],
  );
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
