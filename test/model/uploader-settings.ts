/** How uploaders are set up in simulated worlds: for small files, and little time. */
import type { UploaderConfig } from "../../agent/config/config.ts";
import { ChunkSize } from "../../agent/uploader/transport/chunk-size.ts";
import type { Random } from "../support/random.ts";
import { moveFolder } from "./source-disk.ts";
import type { After } from "./upload-checks.ts";
import { watchFolder } from "./watched-folders.ts";

const rescanMs = 60_000;
const settleMs = 20;
/** Some of the files are read at once, when they are opened. */
export const smallBytes = 250;
/** Three records' worth, as each counts for so much beside its value. */
export const windowBytes = 200_000;
/** The files are small here: also those have to be gone on with. */
export const checkpoints = { everyBytes: 150, everyMs: 60_000, leastFileBytes: 300 };

/** Other sizes at other times. */
export class VaryingChunkSize extends ChunkSize {
  readonly #random: Random;
  readonly #bytes: number;

  constructor(random: Random) {
    super("auto", 1 << 20);
    this.#random = random;
    this.#bytes = 10 + random.below(140);
  }

  override next(): number {
    return this.#random.below(4) === 0 ? 1 + this.#random.below(2 * this.#bytes) : this.#bytes;
  }
}

/**
 * @param how whether a file's chunks use all partitions, and whether sources are taken away once the brokers have them
 * @param start the how manieth start of the uploader it is for: attributes change from one to the next
 */
export function configOf(
  after: After,
  { spreads, takesEarly }: { spreads: boolean; takesEarly: boolean },
  start: number,
): UploaderConfig {
  const attributes: Record<string, string> = start % 3 === 0 ? {} : { start: String(start) };
  return {
    watch: [{ path: watchFolder, as: "", include: ["**/*"], exclude: [], recursive: true, attributes }],
    settleMs,
    maxAgeMs: undefined,
    existing: true,
    rescanMs,
    rescanContentMs: undefined,
    chunkBytes: "auto",
    checksum: "md5",
    compression: "none",
    partitioning: spreads ? "spread" : "file",
    inFlightBytes: windowBytes,
    parallel: 2,
    rateBytesPerSecond: undefined,
    after,
    afterWhen: takesEarly ? "acknowledged" : "delivered",
    afterGroups: after === "keep" ? [] : ["group"],
    moveTo: after === "move" ? moveFolder : undefined,
    testFile: undefined,
  };
}
