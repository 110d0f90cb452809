import { ledgerSuite } from "../conformance/ledger.ts";
import { Random } from "../support/random.ts";
import { takeTurns } from "./clockwork.ts";
import { SimulatedLedger } from "./ledger.ts";
import { Process, Turns } from "./turns.ts";

ledgerSuite("the model's ledger", async () => {
  const random = new Random(1);
  const turns = new Turns(random);
  const ledger = new SimulatedLedger(
    3,
    turns,
    random,
    () => undefined,
    () => false,
  );
  const running = takeTurns(turns);
  return {
    ledger: ledger.for(new Process("one")),
    recreate: async () => ledger.remake(),
    compact: async () => ledger.compact(),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
});
