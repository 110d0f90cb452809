/**
 * Which parts of a chunk are only zeros: whole blocks, many in a row. At the end of what is there they become a hole, so a sparse
 * file stays one. Looking costs next to nothing for bytes that are not zero.
 */

/** A part of a chunk, `[from, to)` in bytes of the file. */
export interface Run {
  from: number;
  to: number;
  isZero: boolean;
}

/** What file systems give space by. */
const blockBytes = 4096;
/** A shorter run of zeros is written: each hole costs a call, and an extent of the file. */
const minHoleBytes = 64 << 10;

const zeros = Buffer.alloc(blockBytes);

/**
 * The runs of the bytes that stand at `offset` of a file, in order. Holes begin and end at blocks, but for one that is all there
 * is.
 */
export function runsOf(bytes: Buffer, offset: number): Run[] {
  const end = offset + bytes.length;
  const runs: Run[] = [];
  let writtenTo = offset;
  for (let at = firstBlock(offset); at < end; ) {
    const to = zerosTo(bytes, offset, at);
    const isLong = to - at >= minHoleBytes || (at === offset && to === end);
    if (to > at && isLong) {
      if (at > writtenTo) runs.push({ from: writtenTo, to: at, isZero: false });
      runs.push({ from: at, to, isZero: true });
      writtenTo = to;
    }
    at = Math.max(to, at + blockBytes);
  }
  if (end > writtenTo) runs.push({ from: writtenTo, to: end, isZero: false });
  return runs;
}

function firstBlock(offset: number): number {
  return Math.ceil(offset / blockBytes) * blockBytes;
}

/** Up to where there are only zeros from a block's beginning on: another block's, or the end of the bytes. */
function zerosTo(bytes: Buffer, offset: number, from: number): number {
  const end = offset + bytes.length;
  let at = from;
  while (at < end) {
    const to = Math.min(at + blockBytes, end);
    if (!isZero(bytes, at - offset, to - offset)) break;
    at = to;
  }
  return at;
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  // The first and the last byte tell for nearly all that is not.
  if (bytes[from] !== 0 || bytes[to - 1] !== 0) return false;
  return bytes.compare(zeros, 0, to - from, from, to) === 0;
}
