import { expect, test } from "bun:test";
import { GroupLedger } from "../../../agent/ledger/group/group-ledger.ts";
import { readWhole } from "../../../agent/ledger/read-whole.ts";
import { endlessLedger } from "../../support/endless-ledger.ts";

test("a ledger that is recreated while it is read is told, and its end not waited for", async () => {
  const reading = async () => {
    for await (const entries of readWhole(endlessLedger(), [0])) expect(entries).toEqual([]);
  };
  await expect(reading()).rejects.toThrow("reading the ledger: the ledger is another one now");
});

test("so it is when a group reads it for the first time", async () => {
  await expect(GroupLedger.open("group", endlessLedger())).rejects.toThrow("the ledger is another one now");
});
