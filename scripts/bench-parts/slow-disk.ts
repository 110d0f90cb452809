/**
 * A file system that writes slowly: ext4 on a loop device whose writes the kernel's block throttling holds back. It needs root and the
 * blkio controller of cgroups v1, which limits a device for everybody (that of v2 leaves out what nobody waits for).
 */
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const limitFile = "/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device";

export interface SlowDisk {
  path: string;
  remove(): Promise<void>;
}

/** `undefined`, and why, where this machine or this user can't. */
export async function makeSlowDisk(
  folder: string,
  bytes: number,
  bytesPerSecond: number,
): Promise<SlowDisk | string> {
  if (process.getuid?.() !== 0) return "it needs root";
  if (!existsSync(limitFile)) return `it needs ${limitFile}`;
  const image = join(folder, "slow.img");
  const path = join(folder, "slow");
  await run(["truncate", "-s", String(bytes), image]);
  await run([
    "mkfs.ext4",
    "-q",
    "-F",
    "-E",
    "lazy_itable_init=0,lazy_journal_init=0",
    "-O",
    "^has_journal",
    image,
  ]);
  await mkdir(path);
  const device = await run(["losetup", "--find", "--show", "--direct-io=on", image]);
  try {
    await run(["mount", device, path]);
  } finally {
    // From now on it goes with its mount, which scripts/bench takes away when this process can't any more.
    await run(["losetup", "--detach", device]);
  }
  const number = await run(["mountpoint", "-d", path]);
  await writeFile(join(folder, "slow.limited"), number);
  await writeFile(limitFile, `${number} ${bytesPerSecond}`);
  const remove = async () => {
    await writeFile(limitFile, `${number} 0`);
    await run(["umount", path]);
    await rm(image);
  };
  return { path, remove };
}

async function run(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "pipe" });
  const [output, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}\n${errors}`);
  return output.trim();
}
