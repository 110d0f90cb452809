import { expect, test } from "bun:test";
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
