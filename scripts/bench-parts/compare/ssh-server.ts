/**
 * An SSH server of this run alone, on 127.0.0.1: its keys, its configuration and who may log in are in its folder, and nobody else can.
 * It serves the user who runs the benchmark.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../test/support/free-port.ts";
import { cpuSecondsWithEnded } from "../../../test/support/proc.ts";
import { waitUntil } from "../../../test/support/wait.ts";
import type { Bench } from "../bench.ts";
import { type Cost, childrenOf, type Ran, runMeasured, TreePeaks } from "../usage.ts";

export class SshServer {
  readonly port: number;
  /** Who logs in. */
  readonly user: string;
  readonly #folder: string;
  readonly #process: Bun.Subprocess;

  private constructor(folder: string, port: number, user: string, process: Bun.Subprocess) {
    this.#folder = folder;
    this.port = port;
    this.user = user;
    this.#process = process;
  }

  static async start(bench: Bench): Promise<SshServer> {
    const folder = await bench.newFolder("ssh");
    const at = (name: string) => join(folder, name);
    for (const key of ["host", "user"])
      await runMeasured(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at(key)]);
    const port = freePort();
    const hostKey = (await Bun.file(at("host.pub")).text()).split(" ").slice(0, 2).join(" ");
    await Bun.write(at("authorized"), await Bun.file(at("user.pub")).text());
    await Bun.write(at("known"), `[127.0.0.1]:${port} ${hostKey}\n`);
    await Bun.write(at("sshd_config"), serverSettings(port, at).join("\n"));
    // Where root's sshd goes before anybody has logged in; the package's service makes it.
    if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
    const sshd = Bun.which("sshd", { PATH: `${process.env.PATH}:/usr/sbin` });
    if (sshd === null) throw new Error("no sshd: run scripts/setup --bench");
    const log = Bun.file(at("log"));
    const server = Bun.spawn([sshd, "-D", "-e", "-f", at("sshd_config")], { stdout: "ignore", stderr: log });
    const user = (await runMeasured(["id", "-un"])).output.trim();
    const made = new SshServer(folder, port, user, server);
    try {
      await made.#serves();
    } catch (error) {
      await made.stop();
      throw new Error(await log.text(), { cause: error });
    }
    return made;
  }

  get userKey(): string {
    return join(this.#folder, "user");
  }

  get knownHosts(): string {
    return join(this.#folder, "known");
  }

  /** The command that reaches it, less the host, which is 127.0.0.1. */
  get command(): readonly string[] {
    const options = [`UserKnownHostsFile=${this.knownHosts}`, "IdentitiesOnly=yes", "BatchMode=yes"];
    const spelt = options.flatMap((option) => ["-o", option]);
    return ["ssh", "-F", "none", "-l", this.user, "-p", String(this.port), "-i", this.userKey, ...spelt];
  }

  /** Runs a command that talks to the server; also gives what that took on the server's side. */
  async whileServing(command: readonly string[]): Promise<{ client: Ran; server: Cost }> {
    const before = cpuSecondsWithEnded(this.#process.pid);
    const peaks = new TreePeaks(this.#process.pid, "without its root");
    try {
      const client = await runMeasured(command);
      // What its session took is the server's to know once that has ended.
      await waitUntil("the session ends", () => childrenOf(this.#process.pid).length === 0);
      const cpuSeconds = cpuSecondsWithEnded(this.#process.pid) - before;
      return { client, server: { cpuSeconds, peakBytes: peaks.stop() } };
    } finally {
      peaks.stop();
    }
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }

  async #serves(): Promise<void> {
    const [ssh = "", ...options] = this.command;
    const isServing = async () => {
      if (this.#process.exitCode !== null) throw new Error("sshd has ended");
      return (await Bun.spawn([ssh, ...options, "127.0.0.1", "true"], { stderr: "ignore" }).exited) === 0;
    };
    await waitUntil("sshd lets this user in", isServing, { timeoutMs: 20_000, pollMs: 200 });
  }
}

function serverSettings(port: number, at: (name: string) => string): string[] {
  return [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${at("host")}`,
    `AuthorizedKeysFile ${at("authorized")}`,
    "AuthenticationMethods publickey",
    "PermitRootLogin prohibit-password",
    // What holds the keys is the run's folder, which only its user can read.
    "StrictModes no",
    "UsePAM no",
    "PidFile none",
    "Subsystem sftp internal-sftp",
    "",
  ];
}
