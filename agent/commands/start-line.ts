/** The one line that says what the agent is about to do. */
import type { Config } from "../config/config.ts";

export function describeStart(config: Config): string {
  const { kafka } = config;
  const where = `brokers ${kafka.brokers.join(", ")}; topic ${kafka.topic}; ledger ${kafka.ledger}`;
  return `${config.role} ${config.name}: ${where}; ${describeRole(config)}`;
}

function describeRole(config: Config): string {
  if (config.role === "downloader") {
    const { output, group, layout, minFreeBytes } = config.downloader;
    return `output ${output} as ${layout}; group ${group}; pauses below ${minFreeBytes} free bytes`;
  }
  const { watch, settleMs, inFlightBytes, parallel, chunkBytes, rateBytesPerSecond } = config.uploader;
  const watched = watch.map(({ path, as }) => (as === "" ? path : `${path} as ${as}`)).join(", ");
  const rate = rateBytesPerSecond === undefined ? "" : `, ${rateBytesPerSecond} bytes/s at most`;
  return `watching ${watched}; settle ${settleMs} ms; chunk ${chunkBytes}; ${inFlightBytes} bytes in flight, ${parallel} files at a time${rate}`;
}
