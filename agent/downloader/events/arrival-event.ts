/**
 * What is told of a file that was stored or has failed: a CloudEvent 1.0 in its JSON format, as docs/protocol.md has it. Paths are text as in
 * the ledger.
 */
import { timeNow } from "../../lib/clock.ts";
import { timespecOf } from "../../lib/file-times.ts";
import type { Attributes } from "../../wire/attributes.ts";
import type { VersionId } from "../../wire/chunk.ts";
import { filedKey, filedUnder } from "../../wire/filed-under.ts";

/** As CloudEvents' binding for Kafka wants it of a record that is an event as a whole. */
export const contentType = "application/cloudevents+json";

export interface Delivered {
  size: number;
  /** `md5:...` */
  checksum: string;
  /** Nanoseconds since 1970, as text; undefined: not known. */
  mtime: string | undefined;
  /** Bytes of the path where it is. */
  location: Buffer;
  attributes: Attributes | undefined;
}

export function deliveredEvent(group: string, id: VersionId, file: Delivered): string {
  const { size, checksum, mtime, location, attributes } = file;
  return envelope(group, id, "streamsend.file.delivered", {
    ...{ size, checksum, mtime: mtime === undefined ? undefined : rfc3339(BigInt(mtime)) },
    ...{ location: fileUrl(location), attributes: attributes ?? {} },
  });
}

export function failedEvent(group: string, id: VersionId, reason: string): string {
  return envelope(group, id, "streamsend.file.failed", { reason });
}

function envelope(group: string, id: VersionId, type: string, data: Record<string, unknown>): string {
  const { path, version } = id;
  const uploader = filedUnder(id.uploader);
  const escapedGroup = group.replaceAll("%", "%25").replaceAll("/", "%2F");
  return JSON.stringify({
    specversion: "1.0",
    id: `${escapedGroup}/${uploader}/${version}/${path}`,
    // A reference as URIs have it: clients in other languages refuse the event for a blank in it.
    source: `/streamsend/${encodeURIComponent(group)}`,
    type,
    subject: filedKey(id),
    time: timeNow(),
    datacontenttype: "application/json",
    data: { uploader, path, version, ...data },
  });
}

const [yearZeroMs, year9999Ms] = [Date.parse("0000-01-01T00:00:00Z"), Date.parse("9999-12-31T23:59:59Z")];

/** With nanoseconds, UTC. A time of a year that it has no text for is the first or the last second that it has one for. */
export function rfc3339(nanoseconds: bigint): string {
  const [seconds, rest] = timespecOf(nanoseconds);
  const ms = Math.min(Math.max(Number(seconds) * 1000, yearZeroMs), year9999Ms);
  return `${new Date(ms).toISOString().slice(0, 19)}.${String(rest).padStart(9, "0")}Z`;
}

/** Byte for byte: a name need not be UTF-8. */
function fileUrl(path: Buffer): string {
  let url = "file://";
  for (const byte of path) {
    const character = String.fromCharCode(byte);
    url += /[A-Za-z0-9/._~-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return url;
}
