/**
 * What commands before this one have sent under its name. No look sees whether it is still there, so it would stand in the ledger for
 * ever: it is noted as gone once its chunks are kept no longer, and then forgotten as all that is gone (`ledger/uploader/forget-gone.ts`).
 */
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import type { UploadOptions } from "../upload-options.ts";
import type { Discovery } from "./discovery.ts";

/** Entries that are written at a time. */
const atATime = 32;

/** Notes all that nothing which was named now leads to. See `Ledger.write`. */
export async function noteUnnamed(
  { ledger, transport }: Pick<UploadOptions, "ledger" | "transport">,
  discovery: Pick<Discovery, "fileAt">,
): Promise<void> {
  const nowMs = ledger.brokersNowMs;
  if (nowMs === undefined) return;
  const isOld = (path: string) => (ledger.file(path)?.version ?? 0) / 1000 < nowMs - transport.retentionMs;
  const unnamed = Array.from(ledger.paths()).filter(
    (path) => ledger.isPresent(path) && isOld(path) && discovery.fileAt(path) === undefined,
  );
  await forEachConcurrent(unnamed, atATime, async (path) => {
    const entry = ledger.file(path);
    if (entry) await ledger.put(path, { ...entry, state: "gone" });
  });
}
