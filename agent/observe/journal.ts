/**
 * Lines for systemd's journal. It takes a level from what a line begins with, and leaves that out (sd-daemon(3), `SyslogLevelPrefix`), so
 * that `journalctl -p warning` finds what is to be found.
 */
import { fstatSync } from "node:fs";

/** As syslog(3) numbers them. */
const priorities = { debug: 7, info: 6, warn: 4, error: 3 };

/**
 * Whether the descriptor leads straight to the journal, and not to a file or a pipe that a shell has put there.
 *
 * @param stream `JOURNAL_STREAM`, DEVICE:INODE, as systemd.exec(5) has it
 */
export function leadsToJournal(fd: number, stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    // It is closed.
    return false;
  }
}

/** What a line of that level begins with. */
export function journalPrefix(level: keyof typeof priorities): string {
  return `<${priorities[level]}>`;
}
