/** What the process has in memory; undefined: there is no file handle left to read that by. */
export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}
