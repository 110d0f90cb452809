/**
 * The ways of recovery, and how each is seen: by a line of the log, or by a counter of the agent's own. A new way is a new row. A long run
 * counts only if each was taken.
 */

export interface Way {
  name: string;
  role: "uploader" | "downloader" | "broker";
  /** A log line that says it was taken. */
  line?: RegExp;
  /** Its label in `streamsend_recoveries_total`. */
  metric?: string;
}

export const ways: readonly Way[] = [
  {
    name: "upload goes on after the acknowledged part",
    role: "uploader",
    line: /: goes on after [1-9]\d* acknowledged bytes/,
  },
  { name: "upload given up as the file changed", role: "uploader", line: /: given up: / },
  { name: "brokers away, and back", role: "uploader", line: /the brokers can be reached again/ },
  { name: "session begun anew", role: "downloader", line: /^downloading: works again/ },
  { name: "partials restored from their notes", role: "downloader", metric: "restored" },
  { name: "publication finished after a crash", role: "downloader", metric: "interrupted" },
  { name: "read again from the log", role: "downloader", line: /is read again from the log/ },
  {
    name: "asked the uploader to send again",
    role: "downloader",
    line: /: asking its uploader to send them again/,
  },
  {
    name: "sent again what a group asked for",
    role: "uploader",
    line: /: \d+ bytes of version \d+ were sent again/,
  },
  { name: "parked until there is room", role: "downloader", line: /: parked: there is no room/ },
  { name: "paused for space", role: "downloader", line: /less than downloader\.min_free/ },
  {
    name: "version dropped as the uploader gave it up",
    role: "downloader",
    line: /: given up by the uploader/,
  },
  {
    name: "partitions lost to another member",
    role: "downloader",
    line: /the group has given this member's partitions to another/,
  },
  { name: "group rebalanced", role: "broker", line: /Preparing to rebalance group/ },
];

/** How often each way was seen in a log. */
export class WayCounts {
  readonly #counts = new Map<Way, number>();

  line(role: Way["role"], message: string): void {
    for (const way of ways) {
      if (way.role === role && way.line?.test(message)) this.#counts.set(way, this.taken(way) + 1);
    }
  }

  taken(way: Way): number {
    return this.#counts.get(way) ?? 0;
  }
}
