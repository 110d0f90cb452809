/** Records as a plain client writes and reads them. */
export type PlainHeaders = readonly Readonly<Record<string, string>>[];

export interface PlainRecord {
  key: string;
  value: Buffer | null;
  headers: PlainHeaders;
}

export interface ReadRecord extends PlainRecord {
  partition: number;
  offset: number;
}

/** The value of a header, `undefined` when the record has none of that name. */
export function headerOf(record: PlainRecord, name: string): string | undefined {
  return record.headers.find((header) => name in header)?.[name];
}

/** The newest value under each key, as a compacted topic has it in the end; tombstones are left out. */
export function compacted(records: readonly ReadRecord[]): Map<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const { key, value } of records) {
    if (value === null) entries.delete(key);
    else entries.set(key, JSON.parse(value.toString("utf8")));
  }
  return entries;
}
