import { codes, KafkaError } from "../kafka/errors.ts";

/** The ledger was deleted and made again under somebody who works with it: to be begun anew. */
export class RecreatedError extends KafkaError {
  /** @param what was tried */
  constructor(what: string) {
    super(what, codes.unknownTopic, "the ledger is another one now");
    this.name = "RecreatedError";
  }
}
