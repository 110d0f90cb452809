/** The agent as one of those that are compared. */
import type { Kafka } from "../../../test/support/kafka.ts";
import type { Bench } from "../bench.ts";
import { moveSmallFiles } from "../small-files.ts";
import { type Given, sendThenFetch, sendTogether, type Transfer } from "../transfer.ts";
import type { Contestant, Measured } from "./contestant.ts";

export const ownRows = {
  together: "streamsend-agent, both sides at once",
  up: "streamsend-agent, uploader alone",
  down: "streamsend-agent, downloader alone, behind it",
} as const;

export function ownLarge(bench: Bench, kafka: Kafka, file: string): Contestant {
  return {
    rows: [ownRows.together, ownRows.up, ownRows.down],
    run: async () => {
      const together = measuredOf(await sendTogether(bench, kafka, file));
      const { up, down } = await sendThenFetch(bench, kafka, file);
      return [
        together,
        { ...measuredOf(up), receiver: undefined },
        { ...measuredOf(down), sender: undefined },
      ];
    },
  };
}

/** A large file with other settings. `onStored` is told what each run takes on the broker's disk, bytes. */
export function ownVariant(
  bench: Bench,
  kafka: Kafka,
  file: string,
  row: string,
  given: Given,
  onStored: (bytes: number) => void = () => undefined,
): Contestant {
  const run = async () => {
    const transfer = await sendTogether(bench, kafka, file, given);
    onStored(transfer.storedBytes);
    return [measuredOf(transfer)];
  };
  return { rows: [row], run };
}

export function ownSmall(bench: Bench, tree: string, files: number): Contestant {
  return {
    rows: ["streamsend-agent"],
    run: async () => [measuredOf(await moveSmallFiles(bench, tree, files))],
  };
}

function measuredOf({ seconds, cpuSeconds, peakBytes }: Transfer): Measured {
  const { uploader, downloader, broker } = cpuSeconds;
  return {
    seconds,
    sender: { cpuSeconds: uploader, peakBytes: peakBytes.uploader },
    receiver: { cpuSeconds: downloader, peakBytes: peakBytes.downloader },
    brokerCpuSeconds: broker,
  };
}
