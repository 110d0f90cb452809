/**
 * The bytes of the client's addon. An executable has them at its very end, put there by scripts/compile.ts: what Bun
 * embeds is read through a mapping, of which every byte would stay resident, and a copy of it would come on top.
 *
 *     the executable as Bun made it | the addon | its length, 8 bytes, little-endian | 16 bytes of text, the mark
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { addonPath } from "./addon-path.ts";

const mark = Buffer.from("streamsend-addon");
const trailerBytes = 8 + mark.length;
const pieceBytes = 256 * 1024;

/** What comes behind an addon of this length. */
export function addonTrailer(length: number): Buffer {
  const trailer = Buffer.alloc(trailerBytes);
  trailer.writeBigUInt64LE(BigInt(length));
  mark.copy(trailer, 8);
  return trailer;
}

/** All of the addon in order; each piece is only good until the next one is asked for. */
export function* addonPieces(): Generator<Uint8Array> {
  const fd = openSync(addonPath ?? "/proc/self/exe", "r");
  try {
    const { size } = fstatSync(fd);
    let [at, end] = addonPath === undefined ? findAtEnd(fd, size) : [0, size];
    const buffer = new Uint8Array(pieceBytes);
    while (at < end) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at);
      if (count === 0) throw new Error("the addon's file ends too early");
      yield buffer.subarray(0, count);
      at += count;
    }
  } finally {
    closeSync(fd);
  }
}

function findAtEnd(fd: number, size: number): [number, number] {
  const trailer = Buffer.alloc(trailerBytes);
  const end = size - trailerBytes;
  readSync(fd, trailer, 0, trailerBytes, Math.max(end, 0));
  const begin = end - Number(trailer.readBigUInt64LE());
  if (!trailer.subarray(8).equals(mark) || begin < 0) {
    throw new Error("it is not at the executable's end: this is no executable of scripts/build");
  }
  return [begin, end];
}
