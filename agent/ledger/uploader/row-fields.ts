/** Times and inodes of a file's row (`file-rows.ts`): texts in the ledger, numbers here. What does not fit is rare. */

const twoTo32 = 2 ** 32;
/** From 1970 on. */
const usualTime = /^(?:0|[1-9]\d{0,18})$/;
const usualInode = /^(?:0|[1-9]\d{0,19})$/;

/** Sets nanoseconds since 1970, a text, as seconds and the rest. Returns whether they fit. */
export function setTime(numbers: DataView, secondsAt: number, nanosecondsAt: number, text: string): boolean {
  if (!usualTime.test(text)) return false;
  numbers.setFloat64(secondsAt, Number(text.slice(0, -9)));
  numbers.setUint32(nanosecondsAt, Number(text.slice(-9)));
  return true;
}

/** The same as a text again. */
export function timeAt(numbers: DataView, secondsAt: number, nanosecondsAt: number): string {
  const [seconds, rest] = [numbers.getFloat64(secondsAt), String(numbers.getUint32(nanosecondsAt))];
  return seconds === 0 ? rest : `${seconds}${rest.padStart(9, "0")}`;
}

/** Sets an inode, a text, as two halves of 32 bits. Returns whether it fits. */
export function setInode(numbers: DataView, lowAt: number, highAt: number, text: string): boolean {
  if (!usualInode.test(text)) return false;
  const inode = Number(text);
  if (Number.isSafeInteger(inode)) {
    numbers.setUint32(lowAt, inode % twoTo32);
    numbers.setUint32(highAt, Math.floor(inode / twoTo32));
    return true;
  }
  const whole = BigInt(text);
  if (whole !== BigInt.asUintN(64, whole)) return false;
  numbers.setUint32(lowAt, Number(whole & 0xffff_ffffn));
  numbers.setUint32(highAt, Number(whole >> 32n));
  return true;
}

/** The same as a text again. */
export function inodeAt(numbers: DataView, lowAt: number, highAt: number): string {
  const [high, low] = [numbers.getUint32(highAt), numbers.getUint32(lowAt)];
  const inode = high * twoTo32 + low;
  return String(Number.isSafeInteger(inode) ? inode : (BigInt(high) << 32n) + BigInt(low));
}
