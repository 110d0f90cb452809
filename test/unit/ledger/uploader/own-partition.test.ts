import { expect, test } from "bun:test";
import type { PositionedReader } from "../../../../agent/ledger/ledger.ts";
import { OwnPartition } from "../../../../agent/ledger/uploader/own-partition.ts";
import { endlessLedger } from "../../../support/endless-ledger.ts";

test("reading to the end of a ledger that is recreated meanwhile ends with an error, and does not wait for that end", async () => {
  const partition = new OwnPartition(endlessLedger({ caughtUp: true }), "till", () => undefined);
  await partition.open();
  await expect(partition.readToEnd()).rejects.toThrow("the ledger is another one now");
});

test("so does reading it for the first time", async () => {
  const partition = new OwnPartition(endlessLedger(), "till", () => undefined);
  await partition.open();
  await expect(partition.readWhole()).rejects.toThrow("the ledger is another one now");
});

test("in a ledger that was recreated with another number of partitions it is read where its entries are there", async () => {
  const opened: (readonly number[])[] = [];
  let number = 40;
  const ledger = endlessLedger({ caughtUp: true });
  const partition = new OwnPartition(
    {
      ...ledger,
      partitionOf: () => number,
      open: (partitions) => {
        opened.push(partitions);
        return ledger.open(partitions);
      },
    },
    "till",
    () => undefined,
  );
  await partition.open();
  number = 3;
  await partition.open();
  expect(opened).toEqual([[40], [3]]);
});

test("it is read to its end when what was read is applied, not when the reader has come so far", async () => {
  const ledger = endlessLedger({ caughtUp: true });
  const claim = { kind: "claim", uploader: "till", format: 1, instance: "other", host: "other" } as const;
  const handOn = Promise.withResolvers<void>();
  const applied: number[] = [];
  const reader: PositionedReader = {
    caughtUp: true,
    position: () => 5,
    read: async () => {
      await handOn.promise;
      return [{ entry: claim, partition: 0, offset: 4, timestampMs: 0 }];
    },
    close: async () => undefined,
  };
  const partition = new OwnPartition(
    { ...ledger, id: "one", open: async () => reader },
    "till",
    ({ offset }) => applied.push(offset),
  );
  await partition.open();
  const read = partition.readOn();
  const toEnd = partition.readToEnd().then(() => applied.slice());
  await ledger.endOf(0);
  handOn.resolve();
  expect(await toEnd).toEqual([4]);
  await read;
});
