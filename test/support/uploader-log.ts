/** A ledger in memory as an uploader works with it. */
import type { UploaderLog } from "../../agent/ledger/ledger.ts";
import { RecreatedError } from "../../agent/ledger/recreated-error.ts";
import type { Entry } from "../../agent/wire/entry.ts";
import type { MemoryLedger } from "./memory-ledger.ts";

interface Hooks {
  /** Before each read. */
  onRead?: () => void;
  /** Before each write. */
  onWrite?: (entry: Entry) => Promise<void>;
}

export function uploaderLogOn(log: MemoryLedger, { onRead, onWrite }: Hooks = {}): UploaderLog {
  return {
    get id() {
      return log.id;
    },
    name: "ledger",
    partitions: 1,
    partitionOf: () => 0,
    writable: async () => undefined,
    retrying: untilItIsAnother,
    endOf: async () => log.entries.length,
    look: async () => undefined,
    write: async (entry, meantFor = log.id) => {
      await onWrite?.(entry);
      return log.write(entry, meantFor);
    },
    open: async () => {
      const reader = await log.open();
      let position = 0;
      return {
        get caughtUp() {
          return reader.caughtUp;
        },
        position: () => position,
        read: async (without) => {
          onRead?.();
          const ended = log.entries.length;
          const some = await reader.read(without);
          position = Math.max(ended, ...some.map(({ offset }) => offset + 1));
          return some;
        },
        close: () => reader.close(),
      };
    },
  };
}

/** What fails as the ledger is another one is tried again. */
async function untilItIsAnother<T>(_what: string, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof RecreatedError)) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
