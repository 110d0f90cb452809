/** The golden record of docs/protocol.md, and a variant of a file of several chunks, as plain headers. */
import type { Headers } from "../../../agent/wire/headers.ts";

export const goldenHeaders = {
  streamsend: "1",
  uploader: "pos-0042",
  path: "dir/a.txt",
  version: "1744741849202123",
  offset: "0",
  size: "5",
  mtime: "1744741849.202123456",
  crc32: "3610a686",
  chunk: "1/1",
  checksum: "md5:5d41402abc4b2a76b9719d911017c592",
  last: "1",
};

export const goldenValue = Buffer.from("hello");

/** The first two bytes of the same file, sent in two chunks. */
export const firstOfTwoHeaders = {
  streamsend: "1",
  uploader: "pos-0042",
  path: "dir/a.txt",
  version: "1744741849202123",
  offset: "0",
  size: "5",
  mtime: "1744741849.202123456",
  crc32: "d1256687",
  chunk: "1/2",
  from: "n8XqQ1tHQbGqGL8hUaTcAw 0@1234",
  checksum: "md5",
};

export const firstOfTwoValue = Buffer.from("he");

/** The golden record's file, sent from a watch that has attributes. */
export const attributesHeader = '{"store":"0042","region":"nörd"}';
export const goldenAttributes = { store: "0042", region: "nörd" };

/** As the client gives and takes headers: an object each. */
export function asHeaders(fields: Record<string, string | Buffer | undefined>): Headers {
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [{ [name]: value }]));
}
