/** Files to send: random bytes, so that nothing on the way gets them cheaper than they are, or text, where it is meant to. */
import { randomBytes, randomInt } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const block = randomBytes(8 << 20);

export function writeLarge(path: string, bytes: number): void {
  writeRepeated(path, bytes, block);
}

/** Lines as a log has them: each of its own, and much alike. */
export function writeText(path: string, bytes: number): void {
  const lines: string[] = [];
  for (let length = 0; length < block.length; length += lines.at(-1)?.length ?? 0) {
    const [till, number, cents] = [randomInt(400), randomInt(1e9), randomInt(20_000)];
    const time = new Date(1.7e12 + randomInt(1e9)).toISOString();
    lines.push(`${time} INFO till-${till} receipt ${number}: paid ${(cents / 100).toFixed(2)} EUR by card\n`);
  }
  writeRepeated(path, bytes, Buffer.from(lines.join("")));
}

/** Larger than any record: what compresses records finds no repetition. */
function writeRepeated(path: string, bytes: number, content: Buffer): void {
  const file = openSync(path, "w");
  try {
    for (let left = bytes; left > 0; ) left -= writeSync(file, content, 0, Math.min(left, content.length));
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
