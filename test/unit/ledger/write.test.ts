import { expect, test } from "bun:test";
import { codes, KafkaError } from "../../../agent/kafka/errors.ts";
import { Ledger, type LedgerOptions } from "../../../agent/ledger/ledger.ts";
import { partitionOfEntry } from "../../../agent/wire/entry-key.ts";
import { noted } from "../../support/entries.ts";
import { HeardLog } from "../../support/heard-log.ts";

test("a write that meets a ledger that was recreated with fewer partitions goes where its entry belongs there", async () => {
  const settings = new Map<string, string>();
  const topic = {
    value: { name: "ledger", id: "before", partitions: 64, maxMessageBytes: 1 << 20, settings },
    refreshSince: async () => {
      topic.value = { ...topic.value, id: "after", partitions: 16 };
    },
  };
  const partitions: number[] = [];
  const producer = {
    send: async ({ partition }: { partition: number }) => {
      partitions.push(partition);
      if (topic.value.id === "before")
        throw new KafkaError("producing", codes.unknownPartitionLocal, "there is no such partition");
      return { partition, offset: 0, timestampMs: 0 };
    },
  };
  const log = new HeardLog("test", () => undefined);
  const { signal } = new AbortController();
  const options = { kafka: {}, agentName: "test", producer, topic, log, signal };
  const ledger = new Ledger(options as unknown as LedgerOptions);
  const names = Array.from({ length: 100 }, (_, at) => `till-${at}`);
  const uploader = names.find((one) => partitionOfEntry({ kind: "name", uploader: one }, 64) >= 16) ?? "";
  await ledger.write(noted({ uploader, path: "a.txt", version: 1 }));
  const [before, after] = [64, 16].map((count) => partitionOfEntry({ kind: "name", uploader }, count));
  expect(partitions).toEqual([before, after] as number[]);
});
