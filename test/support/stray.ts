/** Whether an entry is astray in a ledger, as its record's headers tell a reader: for ledgers in memory, which have no records. */
import { type Entry, encodeMeantFor, isMeantForAnother, keyOf } from "../../agent/wire/entry.ts";

export function isStray(entry: Entry, meantFor: string, ledgerId: string): boolean {
  const key = keyOf(entry);
  return isMeantForAnother(key, encodeMeantFor(key, meantFor), ledgerId);
}
