/** On what, with what and when it was measured: in one paragraph, that stands below each table. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { runMeasured } from "../usage.ts";
import { pythonClient } from "./hand-made.ts";

const root = join(import.meta.dir, "../../..");
/** Tools, and how they say their version. */
const tools: readonly [command: readonly string[], version: RegExp][] = [
  [["java", "-version"], /version "([^"]+)"/],
  [["rsync", "--version"], /version (\S+)/],
  [["ssh", "-V"], /^(OpenSSH\S*)/],
  [["rclone", "version"], /v(\S+)/],
  [["python3", "--version"], /([\d.]+)/],
];

/** @param folder where the files are that are sent and stored */
export async function machineOf(folder: string): Promise<string> {
  const memory = Math.round(totalmem() / 2 ** 30);
  const fileSystem = (await textOf(["stat", "-f", "-c", "%T", folder])).trim();
  const versions = await Promise.all(
    tools.map(async ([command, version]) => {
      const [, found = "missing"] = version.exec(await textOf(command)) ?? [];
      return `${command[0]} ${found}`;
    }),
  );
  const commit = (await textOf(["git", "-C", root, "rev-parse", "--short", "HEAD"])).trim();
  const [load = 0] = loadavg();
  return [
    `Measured on ${new Date().toISOString().slice(0, 10)}, commit ${commit || "unknown"}:`,
    `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${memory} GiB, ${systemName()}, Linux ${release()},`,
    `${fileSystem}; load ${load.toFixed(1)} as it began.`,
    `Kafka ${kafkaVersion()}, ${versions.join(", ")}, ${pythonClient}, Bun ${Bun.version}.`,
  ].join(" ");
}

/** What a command prints; nothing where it is not installed. */
async function textOf([command = "", ...args]: readonly string[]): Promise<string> {
  if (Bun.which(command) === null) return "";
  const { output } = await runMeasured(["sh", "-c", '"$@" 2>&1 || true', "sh", command, ...args]);
  return output;
}

function systemName(): string {
  return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
}

function kafkaVersion(): string {
  const text = readFileSync(join(root, "scripts/kafka.pom.xml"), "utf8");
  return /<kafka\.version>([^<]+)</.exec(text)?.[1] ?? "unknown";
}
