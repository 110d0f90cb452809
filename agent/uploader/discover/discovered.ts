import type { WatchedFile } from "../access/watch.ts";
import type { Found } from "./scan.ts";

/** What a scan comes to: see `Verdict`; looked: a full look is over. */
export type Discovered =
  | { kind: "ready"; found: Found }
  | { kind: "sent" | "doubted"; file: WatchedFile }
  | { kind: "refused"; file: WatchedFile; reason: string }
  | { kind: "looked" };
