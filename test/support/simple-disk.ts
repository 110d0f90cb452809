/**
 * A file system as memory cards have it: no case, no second names, no modes, coarse times, some characters not allowed.
 * The kernel's own vfat where there is one, else exFAT by its driver in user space.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./compare.ts";
import { waitUntil } from "./wait.ts";

export class SimpleDisk implements AsyncDisposable {
  readonly type: "vfat" | "exfat";
  readonly #device: string;
  readonly #root: string;
  #folder: string | undefined;

  private constructor(type: "vfat" | "exfat", device: string, root: string) {
    this.type = type;
    this.#device = device;
    this.#root = root;
  }

  /** An empty one of 32 MiB. Throws when there is no loop device or no driver. */
  static async make(): Promise<SimpleDisk> {
    const root = await mkdtemp(join(tmpdir(), "streamsend-disk-"));
    const type = /\tvfat$/m.test(await readFile("/proc/filesystems", "utf8")) ? "vfat" : "exfat";
    const image = join(root, "image");
    await must(["truncate", "--size=32M", image]);
    await must([`mkfs.${type}`, image]);
    const device = (await must(["losetup", "--find", "--show", image])).trim();
    return new SimpleDisk(type, device, root);
  }

  async mount(folder: string): Promise<void> {
    if (this.type === "vfat") await must(["mount", "-t", "vfat", "-o", "utf8", this.#device, folder]);
    else await must(["mount.exfat-fuse", this.#device, folder]);
    this.#folder = folder;
  }

  /** Ends the driver: what is mounted is dead then. Not the kernel's own. */
  async killDriver(): Promise<void> {
    const { output } = await run(["fuser", this.#device]);
    for (const pid of output.trim().split(/\s+/)) process.kill(Number(pid), "SIGKILL");
  }

  /** Whoever uses it must have ended. */
  async unmount(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder === undefined) return;
    await waitUntil("it is unmounted", async () => (await run(["umount", folder])).code === 0);
    // The driver in user space still writes for a moment.
    const isFree = async () => (await run(["fuser", "--silent", this.#device])).code !== 0;
    await waitUntil("nobody has the device", isFree);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
    await must(["losetup", "--detach", this.#device]);
    await rm(this.#root, { recursive: true });
  }
}

async function must(command: readonly string[]): Promise<string> {
  const { code, output, errors } = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${errors}`);
  return output;
}
