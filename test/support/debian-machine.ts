/** A Debian with its own systemd as PID 1 (scripts/debian-root, systemd-nspawn). It lives in memory, and ends with who started it. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { run, succeed } from "./compare.ts";
import { ownNamespaces } from "./own-namespaces.ts";
import { waitUntil } from "./wait.ts";

/** Only root can boot one. */
export const canBoot = process.getuid?.() === 0 && Bun.which("systemd-nspawn") !== null;

export class DebianMachine {
  readonly #container: Bun.Subprocess;
  /** The machine's PID 1, as this one knows it. */
  readonly #leader: string;

  private constructor(container: Bun.Subprocess, leader: string) {
    this.#container = container;
    this.#leader = leader;
  }

  /** `packages` is /packages in it; `folder` is an empty one that it may have; `release` is one that scripts/debian-root knows. */
  static async boot(folder: string, packages: string, release = "bookworm"): Promise<DebianMachine> {
    const archive = (await succeed(join(import.meta.dir, "../../scripts/debian-root"), release)).trim();
    const root = join(folder, "root");
    await mkdir(root);
    // The mounts are the process's own: with it they go. /run for nspawn's own notes, which are not to be found by other machines.
    const script = `mount -t tmpfs -o mode=755 tmpfs "$1" && tar -C "$1" -xzf "$2" && mount -t tmpfs tmpfs /run &&
      exec systemd-nspawn --quiet --boot --register=no --keep-unit --machine=streamsend-test --console=pipe --bind-ro="$3":/packages \
        -D "$1" systemd.unit=multi-user.target`;
    const log = Bun.file(join(folder, "boot.log"));
    const container = Bun.spawn([...ownNamespaces, "sh", "-c", script, "boot", root, archive, packages], {
      env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" },
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    const detail = async () => ((await log.exists()) ? log.text() : "");
    let leader = "";
    await waitUntil(
      "the machine has a PID 1",
      async () => {
        if (container.exitCode !== null) throw new Error(`systemd-nspawn has ended: ${await detail()}`);
        for (const nspawn of await childrenOf(`${container.pid}`))
          for (const child of await childrenOf(nspawn))
            if ((await commandOf(child)).includes("/systemd\0")) leader = child;
        return leader !== "";
      },
      { timeoutMs: 60_000 },
    );
    const machine = new DebianMachine(container, leader);
    await waitUntil(
      "the machine has booted",
      async () => (await machine.run("systemctl", "is-system-running")).output.trim() === "running",
      { timeoutMs: 60_000 },
    );
    return machine;
  }

  /** Runs a command in it. */
  run(...command: string[]): Promise<{ code: number; output: string; errors: string }> {
    return run(["nsenter", "-t", this.#leader, "-m", "-p", "-u", "-i", "-C", "-r", "-w", ...command]);
  }

  /** What a command prints; throws if it fails. */
  async succeed(...command: string[]): Promise<string> {
    const { code, output, errors } = await this.run(...command);
    if (code !== 0) throw new Error(`${command.join(" ")} has failed with ${code}: ${output}${errors}`);
    return output;
  }

  /** Its PID 1 is killed with what started it. */
  async stop(): Promise<void> {
    this.#container.kill("SIGKILL");
    await this.#container.exited;
  }
}

async function childrenOf(pid: string): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter((child) => child !== "");
}

async function commandOf(pid: string): Promise<string> {
  return await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
}
