/** Files to send: random bytes, so that nothing on the way gets them cheaper than they are. */
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const block = randomBytes(8 << 20);

export function writeLarge(path: string, bytes: number): void {
  const file = openSync(path, "w");
  try {
    for (let left = bytes; left > 0; ) left -= writeSync(file, block, 0, Math.min(left, block.length));
  } finally {
    closeSync(file);
  }
}

/** `count` files in folders of a hundred. */
export function writeMany(folder: string, count: number, bytes: number): void {
  for (let at = 0; at < count; at++) {
    const inner = join(folder, String(Math.floor(at / 100)).padStart(4, "0"));
    if (at % 100 === 0) mkdirSync(inner);
    const from = (at * 4099) % (block.length - bytes);
    writeFileSync(join(inner, `${at}.bin`), block.subarray(from, from + bytes));
  }
}

/** What was written before is on disk, so that the next run does not pay for it. */
export async function syncDisks(): Promise<void> {
  if ((await Bun.spawn(["sync"]).exited) !== 0) throw new Error("sync failed");
}
