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

/**
 * What a ledger has in the end: the newest value under each key, without tombstones. What uploaders say of their files in
 * batches stands as `file/UPLOADER/PATH`, each as it was said last; and what groups say in marks of those, and of files that were not
 * noted, as `delivered/GROUP/UPLOADER/VERSION/PATH`.
 */
export function compacted(records: readonly ReadRecord[]): Map<string, unknown> {
  const newest = new Map<string, { value: unknown; offset: number }>();
  for (const { key, value, offset } of records) {
    newest.delete(key);
    if (value !== null) newest.set(key, { value: JSON.parse(value.toString("utf8")), offset });
  }
  const entries = new Map<string, unknown>();
  const noted = new Map<string, Noted>();
  for (const [key, { value, offset }] of newest) {
    const uploader = key.split("/")[1] ?? "";
    if (!isBatch(value)) entries.set(key, value);
    else
      for (const { path, ...file } of value.files) {
        entries.set(`file/${uploader}/${path}`, file);
        noted.set(`${uploader}/${path}`, { uploader, path, at: offset, ...file });
      }
  }
  for (const [key, mark] of entries) if (isMark(mark)) expand(entries, key, mark, [...noted.values()]);
  return entries;
}

interface FileAt {
  path: string;
  version: number;
  size: number;
  checksum?: string;
  attributes?: unknown;
}

interface Noted extends FileAt {
  uploader: string;
  at: number;
  partition?: number;
}

interface Mark extends Record<"at" | "to", number>, Record<"also" | "but", number[]> {
  early: FileAt[];
}

/** Puts what a mark says of single versions in its place. */
function expand(entries: Map<string, unknown>, key: string, mark: Mark, noted: readonly Noted[]): void {
  const [, group, of, partition] = key.split("/");
  const say = ({ path, version, size, checksum, attributes }: FileAt) => {
    const id = `${group}/${of}/${version}/${path}`;
    const content = { size, checksum, ...(attributes === undefined ? {} : { attributes }) };
    if (!entries.has(`again/${id}`)) entries.set(`delivered/${id}`, { format: 1, ...content });
  };
  const isOf = (file: Noted) => file.uploader === of && String(file.partition) === partition;
  for (const file of noted.filter(isOf)) {
    const { version, at } = file;
    const isBelow = at < mark.at && version <= mark.to && !mark.but.includes(version);
    if (isBelow || mark.also.includes(version)) say(file);
  }
  for (const file of mark.early) say(file);
  entries.delete(key);
}

function isBatch(value: unknown): value is { files: (FileAt & { at?: number; partition?: number })[] } {
  return typeof value === "object" && value !== null && "files" in value;
}

function isMark(value: unknown): value is Mark {
  return typeof value === "object" && value !== null && "early" in value;
}
