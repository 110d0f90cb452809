import { expect, test } from "bun:test";
import { OwnPartition } from "../../../../agent/ledger/uploader/own-partition.ts";

/** A ledger of which nothing more can be read: five entries, when its end is asked for, and recreated after the first read. */
function prepare() {
  const ledger = {
    id: "before",
    name: "ledger",
    partitions: 1,
    partitionOf: () => 0,
    endOf: async () => 5,
    writable: async () => undefined,
    retrying: <T>(_what: string, attempt: () => Promise<T>) => attempt(),
    write: async () => ({ offset: 0, timestampMs: 0 }),
    open: async () => ({
      caughtUp: true,
      position: () => 0,
      read: async () => {
        ledger.id = "after";
        return [];
      },
      close: async () => undefined,
    }),
  };
  return new OwnPartition(ledger, "till", () => undefined);
}

test("reading to the end of a ledger that is recreated meanwhile ends with an error, and does not wait for that end", async () => {
  const partition = prepare();
  await partition.open();
  await expect(partition.readToEnd()).rejects.toThrow("it is another one now");
});
