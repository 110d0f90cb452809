/** How much is in the ledgers that are measured. */
export interface LedgerSizes {
  uploaders: number;
  /** Settled ones of each uploader. */
  files: number;
  /** Uploaders that will not come again. */
  dead: number;
  /** Unsettled ones of all dead uploaders. */
  unsettled: number;
  /** Of the uploader that is started. */
  own: number;
  /** Small ones that are sent. */
  small: number;
  /** Of the chunks' topic that was sent to: each uploader has a mark in each. */
  partitions: number;
}

/** Of scripts/bench's options, each a number: `--uploaders 100`. */
export const ledgerSizes: Readonly<LedgerSizes> = {
  uploaders: 100,
  files: 1000,
  dead: 50,
  unsettled: 10_000,
  own: 100_000,
  small: 10_000,
  partitions: 1,
};
