/** A file system of its own for a test; needs to be root, as the tests are on their machines. */
import { run } from "./compare.ts";

export interface Mounted extends AsyncDisposable {
  /** Takes it away, also from under those who use it. */
  unmount(): Promise<void>;
}

/** Mounts a file system of this type at the folder. `source` is its device, where it has one. */
export async function mount(type: string, folder: string, options = "", source = type): Promise<Mounted> {
  await must(["mount", "-t", type, ...(options === "" ? [] : ["-o", options]), source, folder]);
  let mounted = true;
  const unmount = async () => {
    if (mounted) await must(["umount", "--lazy", folder]);
    mounted = false;
  };
  return { unmount, [Symbol.asyncDispose]: unmount };
}

async function must(command: readonly string[]): Promise<void> {
  const { code, errors } = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${errors}`);
}
