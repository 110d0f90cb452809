import type { WatchedFile } from "../access/watch.ts";
import type { Sighting } from "./scan.ts";

/**
 * What a scan comes to. ready: the file is to be sent. sent: it stands there as the version that the ledger has as sent. doubted: so
 * it looks, but something happened to its content, and its size and times need not tell where they are coarse. refused: it can't be
 * sent as it is; said once. looked: a full look is over.
 */
export type Discovered =
  | { kind: "ready"; found: Sighting }
  | { kind: "sent" | "doubted"; file: WatchedFile }
  | { kind: "refused"; file: WatchedFile; reason: string }
  | { kind: "looked" };
