/**
 * Real brokers for tests, through scripts/kafka. Most tests share one; a test that stops, kills or configures its broker
 * starts its own. None outlives the test run.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitUntil } from "./wait.ts";

const script = join(import.meta.dir, "../../scripts/kafka");

export interface KafkaOptions {
  /** Broker settings, as in server.properties. */
  settings?: Readonly<Record<string, string | number>>;
  /** Beside the plain one that `bootstrap` names. */
  listeners?: readonly Listener[];
  logLevel?: "warn" | "info" | "debug";
  /** A small one, with so much memory: `256m`. */
  heap?: string;
  /** As a further broker of this one's cluster. */
  join?: Kafka;
}

export interface Listener {
  name: string;
  protocol: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  /** What clients are told instead of the listener's own port: a proxy's. */
  advertisedPort?: number;
  /** What clients are told instead of 127.0.0.1; with a port. */
  advertisedHost?: string;
}

/** The broker that all tests share: the one of scripts/test, or one that ends with this process. */
export async function sharedKafka(): Promise<{ bootstrap: string }> {
  const given = process.env[sharedVariable];
  if (given) return { bootstrap: given };
  const kafka = await startKafka();
  // In the environment, not in a variable of this module: test files do not share modules.
  process.env[sharedVariable] = kafka.bootstrap;
  return kafka;
}

const sharedVariable = "STREAMSEND_TEST_KAFKA";

/** Starts a broker in a folder of its own; it serves when this resolves. */
export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  const kafka = new Kafka(await mkdtemp(join(tmpdir(), "streamsend-kafka-")));
  // A test that fails, or is interrupted, must leave no broker behind.
  const args = ["--with", String(process.pid), "--log-level", options.logLevel ?? "info"];
  if (options.heap) args.push("--heap", options.heap);
  if (options.join) args.push("--join", options.join.dir);
  for (const [key, value] of Object.entries(options.settings ?? {})) args.push("--set", `${key}=${value}`);
  for (const { name, protocol, advertisedPort, advertisedHost } of options.listeners ?? []) {
    const advertised = [advertisedPort, advertisedHost].filter((part) => part !== undefined);
    args.push("--listener", [name, protocol, ...advertised].join(":"));
  }
  await kafka.restart(args);
  return kafka;
}

/** A way to a broker that goes through something else. */
export interface Detour {
  readonly port: number;
  /** Where it leads, `127.0.0.1:PORT`. */
  lead(upstream: string): void | Promise<void>;
}

/** Starts a broker that tells clients who come by a detour to go on coming by it. */
export async function startKafkaBehind(
  detours: readonly Detour[],
  options: Pick<KafkaOptions, "settings"> = {},
): Promise<Kafka> {
  const nameOf = (at: number) => `DETOUR${at}`;
  const listeners = detours.map(({ port }, at) => ({
    name: nameOf(at),
    protocol: "PLAINTEXT" as const,
    advertisedPort: port,
  }));
  const kafka = await startKafka({ ...options, listeners });
  for (const [at, detour] of detours.entries()) await detour.lead(kafka.listener(nameOf(at)));
  return kafka;
}

/** A broker of one test. Its data, ports and settings survive `kill` and `restart`. */
export class Kafka {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** `127.0.0.1:PORT` of the plain listener. */
  get bootstrap(): string {
    return readFileSync(join(this.dir, "bootstrap"), "utf8").trim();
  }

  get pid(): number {
    return Number(readFileSync(join(this.dir, "pid"), "utf8"));
  }

  /** `127.0.0.1:PORT` of a further listener. */
  listener(name: string): string {
    return readFileSync(join(this.dir, `bootstrap.${name}`), "utf8").trim();
  }

  /** As a power cut would: kill -9. */
  async kill(): Promise<void> {
    const { pid } = this;
    process.kill(pid, "SIGKILL");
    await waitUntil("the broker is gone", () => !isRunning(pid));
  }

  /** Starts the broker again after `kill` or `halt`. */
  async restart(args: readonly string[] = []): Promise<void> {
    await run(["start", this.dir, ...args]);
  }

  /** Ends the broker in order; `restart` brings it back. */
  async halt(): Promise<void> {
    await run(["stop", this.dir]);
  }

  /** Another cluster, and an empty one, comes to the same address. */
  async wipe(): Promise<void> {
    await this.lose();
    rmSync(join(this.dir, "cluster"));
    await this.restart();
  }

  /** The machine is gone with all that was on its disk; `restart` puts an empty broker of its number in its place. */
  async lose(): Promise<void> {
    await this.kill();
    for (const made of ["data", "formatted"]) rmSync(join(this.dir, made), { recursive: true, force: true });
  }

  /** Ends the broker and removes its data. */
  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Runs one of Kafka's own tools against the plain listener. */
  async tool(className: string, ...args: readonly string[]): Promise<void> {
    await run(["run", className, "--bootstrap-server", this.bootstrap, ...args]);
  }

  /** Gives a user a password for SCRAM, in both forms. */
  async addScramUser(user: string, password: string): Promise<void> {
    for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"]) {
      const credential = ["--add-config", `${mechanism}=[password=${password}]`];
      const entity = ["--entity-type", "users", "--entity-name", user];
      await this.tool("kafka.admin.ConfigCommand", "--alter", ...credential, ...entity);
    }
  }

  /** Gives users rights: `allow(["till"], ["--topic", "files"], "Read", "Write")`. */
  async allow(
    users: readonly string[],
    resource: readonly string[],
    ...operations: readonly string[]
  ): Promise<void> {
    const wanted = operations.flatMap((operation) => ["--operation", operation]);
    const whose = users.flatMap((user) => ["--allow-principal", `User:${user}`]);
    await this.tool("org.apache.kafka.tools.AclCommand", "--add", ...whose, ...wanted, ...resource);
  }

  log(): Promise<string> {
    return readFile(join(this.dir, "broker.log"), "utf8");
  }
}

/** A process that has ended, but that nobody has waited for, still has an entry; its command line is empty. */
function isRunning(pid: number): boolean {
  const commandLine = `/proc/${pid}/cmdline`;
  return existsSync(commandLine) && readFileSync(commandLine, "utf8") !== "";
}

async function run(args: readonly string[]): Promise<void> {
  const process = Bun.spawn([script, ...args], { stdout: "ignore", stderr: "pipe" });
  const [problems, code] = await Promise.all([process.stderr.text(), process.exited]);
  if (code !== 0) throw new Error(`scripts/kafka ${args.join(" ")}: exit code ${code}\n${problems}`);
}
