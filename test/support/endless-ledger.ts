/** A ledger whose end is never reached, as it is deleted and made again when something is first read of it. */
import type { UploaderLog } from "../../agent/ledger/ledger.ts";

export function endlessLedger({ caughtUp = false } = {}): UploaderLog {
  let id = "before";
  return {
    get id() {
      return id;
    },
    name: "ledger",
    partitions: 1,
    partitionOf: () => 0,
    endOf: async () => 5,
    look: async () => undefined,
    writable: async () => undefined,
    retrying: (_what, attempt) => attempt(),
    write: async () => ({ offset: 0, timestampMs: 0 }),
    open: async () => ({
      caughtUp,
      position: () => 0,
      read: async () => {
        id = "after";
        return [];
      },
      close: async () => undefined,
    }),
  };
}
