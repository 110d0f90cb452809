import { ledgerSuite } from "../../conformance/ledger.ts";
import { MemoryLedger } from "../../support/memory-ledger.ts";

async function make() {
  const ledger = new MemoryLedger([]);
  return {
    ledger,
    recreate: async () => ledger.recreate(),
    compact: () => Promise.reject(new Error("it keeps everything")),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

ledgerSuite("the unit tests' ledger", make, false);
