/**
 * Arguments -> command -> exit code. What a command needs is imported when it runs, so that `--help` and `check`
 * never load the Kafka client. Standard output carries results only; everything that went wrong is said on
 * standard error.
 */
import { version } from "../package.json" with { type: "json" };
import { type Arguments, parseArguments, UsageError } from "./commands/arguments.ts";
import { exitCode } from "./commands/exit-code.ts";
import { commandHelp, programHelp } from "./commands/help.ts";
import { isCommandNotYet, isOptionNotYet } from "./commands/not-yet.ts";
import type { Sources } from "./config/load.ts";
import { printable, printableLines } from "./lib/printable.ts";

let showStacks = process.env.STREAMSEND_LOG_LEVEL === "debug";

survive();
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(parseArguments(args));
  } catch (error) {
    if (error instanceof UsageError) return complain(usage(error), exitCode.misconfigured);
    const { ConfigError } = await import("./config/problems.ts");
    if (error instanceof ConfigError)
      return complain(error.problems.map(printable).join("\n"), exitCode.misconfigured);
    return complain(describe(error), exitCode.failed);
  }
}

async function dispatch(parsed: Arguments): Promise<number> {
  const { command = "run", flags } = parsed;
  if (flags.has("version")) return print(`streamsend-agent ${version}\n`);
  if (flags.has("help")) return print(parsed.command === undefined ? programHelp() : commandHelp(command));
  if (isCommandNotYet(command)) return complain(notInThisVersion(command), exitCode.misconfigured);
  for (const option of [...flags, ...parsed.values.keys()]) {
    if (isOptionNotYet(command, option))
      return complain(notInThisVersion(`${command} --${option}`), exitCode.misconfigured);
  }
  if (command === "schema") {
    const { formatSchema } = await import("./commands/schema.ts");
    return print(formatSchema());
  }
  if (command === "status") {
    const { addressOf, readStatus } = await import("./commands/status.ts");
    const { text, ready } = await readStatus(
      await addressOf(parsed.values.get("http")?.at(-1), sourcesOf(parsed)),
    );
    await write(text);
    return ready || !flags.has("ready") ? exitCode.done : exitCode.failed;
  }
  if (command === "find") {
    const [glob, ...others] = parsed.operands;
    if (others.length > 0) throw new UsageError("find takes one GLOB: quote it for the shell", "find");
    const { loadCommonConfig } = await import("./config/load.ts");
    const config = await loadCommonConfig(sourcesOf(parsed));
    showStacks = config.log.level === "debug";
    const { find } = await import("./commands/find.ts");
    const uploader = parsed.values.get("uploader")?.at(-1);
    await find(config, { glob, uploader, json: flags.has("json"), print: write });
    return exitCode.done;
  }
  if (command === "send") {
    if (parsed.operands.includes("-")) return complain(notInThisVersion("send -"), exitCode.misconfigured);
    const { loadSendConfig } = await import("./config/load.ts");
    const config = await loadSendConfig(sourcesOf(parsed));
    showStacks = config.log.level === "debug";
    const { sendOptions } = await import("./commands/send-options.ts");
    const options = sendOptions(parsed, config.name);
    const { send } = await import("./commands/send.ts");
    return send(config, { ...options, print: write });
  }
  const forgotten = command === "forget" ? forgottenOf(parsed.operands) : undefined;
  const loaded = await load(parsed);
  if (command === "check") {
    const { formatSettings } = await import("./commands/check.ts");
    return print(formatSettings(loaded));
  }
  if (command === "doctor") {
    const { doctor } = await import("./commands/doctor.ts");
    return doctor(loaded.config, print);
  }
  if (command === "redeliver") {
    const { redeliver } = await import("./commands/redeliver.ts");
    const { parseSince } = await import("./commands/since.ts");
    const since = parsed.values.get("since")?.at(-1);
    const [glob] = parsed.operands;
    const lines: string[] = [];
    const options = { glob, since: since === undefined ? undefined : parseSince(since) };
    await redeliver(loaded.config, options, (line) => lines.push(`${printable(line)}\n`));
    return print(lines.join(""));
  }
  if (forgotten) {
    const { forget } = await import("./commands/forget.ts");
    const { terminalQuestion } = await import("./commands/question.ts");
    await forget(loaded.config, {
      ...forgotten,
      yes: flags.has("yes"),
      ask: terminalQuestion(),
      print: (text) => print(printableLines(text)),
    });
    return exitCode.done;
  }
  const { run } = await import("./commands/run.ts");
  return run(loaded.config, { once: flags.has("once"), dryRun: flags.has("dry-run") });
}

function forgottenOf([kind, name, ...others]: readonly string[]) {
  if ((kind !== "uploader" && kind !== "group") || !name || others.length > 0)
    throw new UsageError("forget takes uploader or group, and one name", "forget");
  return { kind, name } as const;
}

async function load(parsed: Arguments) {
  const { loadConfig } = await import("./config/load.ts");
  const loaded = await loadConfig(sourcesOf(parsed));
  showStacks = loaded.config.log.level === "debug";
  return loaded;
}

function sourcesOf({ values }: Arguments): Sources {
  return {
    environment: process.env,
    configFile: values.get("config")?.at(-1),
    set: values.get("set") ?? [],
    role: values.get("role")?.at(-1),
  };
}

async function print(text: string): Promise<number> {
  await write(text);
  return exitCode.done;
}

/**
 * Waits until the text is handed over: to a pipe it is written in pieces, and the process exits next. Returns false where nobody reads
 * any more.
 */
function write(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error?: NodeJS.ErrnoException | null) => {
      if (error == null || error.code === "EPIPE") resolve(error == null);
      else reject(new Error(`standard output cannot be written, ${error.message}`, { cause: error }));
    });
  });
}

function complain(text: string, exitCode: number): number {
  process.stderr.write(`${text}\n`);
  return exitCode;
}

function notInThisVersion(what: string): string {
  return `streamsend-agent ${what}: not in this version`;
}

function usage({ message, command }: UsageError): string {
  const help = command === undefined ? "streamsend-agent --help" : `streamsend-agent ${command} --help`;
  return printable(`streamsend-agent: ${message} (see ${help})`);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return printable(`streamsend-agent: ${String(error)}`);
  if (showStacks && error.stack !== undefined) return printableLines(`streamsend-agent: ${error.stack}`);
  return printable(`streamsend-agent: ${error.message}`);
}

/** A mistake of ours ends the process with one line; a reader of our output that has gone is no mistake. */
function survive(): void {
  const crash = (error: unknown) => process.exit(complain(describe(error), exitCode.failed));
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") crash(error);
    });
  }
}
