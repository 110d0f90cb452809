/**
 * Images and containers, by buildah and podman with a storage of their own. It lives in memory, and ends with who started it, with all
 * containers. They have this machine's network.
 */
import { readFile } from "node:fs/promises";
import { run, succeed } from "./compare.ts";
import { ownNamespaces } from "./own-namespaces.ts";

/** Only root can mount what they need. */
export const canContain =
  process.getuid?.() === 0 && Bun.which("buildah") !== null && Bun.which("podman") !== null;

/** What a command in a container came to. */
export interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

export class ContainerEngine {
  readonly #holder: Bun.Subprocess;
  /** The process whose mounts and processes they share, as this machine knows it. */
  readonly #leader: string;

  private constructor(holder: Bun.Subprocess, leader: string) {
    this.#holder = holder;
    this.#leader = leader;
  }

  static async open(): Promise<ContainerEngine> {
    // crun wants the one hierarchy of cgroups; images, notes and locks are not this machine's own, which would go on having them.
    const script = `mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /run && mkdir -p /var/lib/containers &&
      mount -t tmpfs tmpfs /var/lib/containers && echo '[engine]\nlock_type = "file"' > ${configuration} && echo ready && exec sleep infinity`;
    const holder = Bun.spawn([...ownNamespaces, "sh", "-c", script], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    for await (const _ of holder.stdout) break;
    const leader = (await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8")).trim();
    if (leader === "") throw new Error("no place for containers can be made");
    return new ContainerEngine(holder, leader);
  }

  /** An image of a tar that has all of its root. */
  async import(tar: string, image: string): Promise<void> {
    await this.#succeed("podman", ["import", "--quiet", tar, image]);
  }

  /** Builds the image of the Dockerfile of that folder; none is fetched. */
  async build(folder: string, image: string, ...args: readonly string[]): Promise<void> {
    // Docker's format: the other one has no HEALTHCHECK.
    const how = ["--quiet", "--isolation", "chroot", "--pull-never", "--format", "docker", "--tag", image];
    await this.#succeed("buildah", ["bud", ...how, ...args, folder]);
  }

  /** Runs a command in a new container, until it ends. */
  run(args: readonly string[]): Promise<Outcome> {
    return this.podman("run", "--rm", "--no-healthcheck", ...runOptions, ...args);
  }

  /** Starts a container that goes on; `name` is what it is called. Its health is not looked at by itself: that would take systemd's timers. */
  async start(name: string, args: readonly string[]): Promise<void> {
    await this.#succeed("podman", [
      "run",
      "--detach",
      "--name",
      name,
      "--health-interval=disable",
      ...runOptions,
      ...args,
    ]);
  }

  /** podman's own commands: `exec`, `kill`, `logs`. */
  podman(...args: readonly string[]): Promise<Outcome> {
    return run(this.#command("podman", args));
  }

  /** All of it is gone with its first process. */
  async close(): Promise<void> {
    this.#holder.kill("SIGKILL");
    await this.#holder.exited;
  }

  async #succeed(program: string, args: readonly string[]): Promise<void> {
    await succeed(...this.#command(program, args));
  }

  #command(program: string, args: readonly string[]): string[] {
    const inside = ["nsenter", "-t", this.#leader, "-m", "-p", "env", `CONTAINERS_CONF=${configuration}`];
    return [...inside, program, "--storage-driver=overlay", ...args];
  }
}

const configuration = "/run/containers.conf";

// Limits that podman would raise, which not every root may; and no /tmp and /run that can be written to, as Docker has none.
const runOptions = [
  "--network=host",
  "--cgroups=disabled",
  "--ulimit=nofile=1024:1024",
  "--ulimit=nproc=4096:4096",
  "--read-only-tmpfs=false",
  "--log-driver=k8s-file",
];
