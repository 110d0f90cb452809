/**
 * The commands and options that there are: for `--help`, for reading the command line, and for the man page and the shells' completions
 * (scripts/package-parts).
 */
import { isCommandNotYet, isOptionNotYet } from "./not-yet.ts";

export interface Option {
  /** What its value is called; undefined: it takes none. */
  readonly value?: string;
  /** All that the value can be; undefined: anything. */
  readonly choices?: readonly string[];
  readonly text: string;
}

const optionTexts = {
  role: { value: "ROLE", choices: ["uploader", "downloader"], text: "uploader or downloader" },
  config: { value: "FILE", text: "configuration; default: $STREAMSEND_CONFIG, /etc/streamsend/config.yaml" },
  set: { value: "KEY=VALUE", text: "one setting, over file and environment; may be repeated" },
  once: { text: "do what there is to do now, wait until it is done, and exit" },
  "dry-run": { text: "say what would be sent or stored, and do nothing" },
  as: { value: "NAME", text: "the name that the files arrive under" },
  under: { value: "FOLDER", text: "a folder that all of it arrives below" },
  path: { value: "PATH", text: "what arrives of standard input, -, is called so" },
  attribute: { value: "KEY=VALUE", text: "travels with the files; may be repeated" },
  wait: { value: "GROUP", text: "wait until that group has stored the files" },
  uploader: { value: "NAME", text: "only this uploader's files" },
  quiet: { text: "say only what goes wrong" },
  json: { text: "an object a line" },
  yes: { text: "do not ask" },
  output: { value: "FILE", text: "where the secret part goes; never over an existing file" },
  record: { value: "FILE", text: "show the row that this record becomes; needs --source" },
  source: { value: "PROJECT/ID", text: "the record's source" },
  http: { value: "ADDR", text: "the running agent's HTTP address" },
  ready: { text: "exit with 1 unless the agent is ready" },
  since: { value: "TIME", text: "only what was sent, or has failed, since then" },
  help: { text: "this help; -h too" },
  version: { text: "the version" },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof optionTexts;
export const options: Readonly<Record<OptionName, Option>> = optionTexts;

export interface Command {
  readonly summary: string;
  /** What it takes besides options; undefined: nothing. */
  readonly operands?: string;
  readonly options: readonly OptionName[];
  readonly about: string;
  readonly examples: readonly string[];
}

const commandTexts = {
  run: {
    summary: "run the agent (the default command)",
    options: ["role", "config", "set", "once", "dry-run"],
    about: `Runs as uploader or downloader until SIGTERM or SIGINT; a second one ends it at once.
--once as uploader: sends what is there now and waits until the brokers have acknowledged it.
--once as downloader: reads what the topic holds now and stores what is complete.
Exit code: 0 done or stopped, 1 failed, 2 wrong usage or configuration.`,
    examples: [
      "streamsend-agent --config /etc/streamsend/config.yaml",
      "streamsend-agent --role uploader --set kafka.brokers=kafka:9092 --set uploader.watch=/var/spool/outbox",
      "streamsend-agent --role downloader --set downloader.output=/srv/inbox --once",
    ],
  },
  send: {
    summary: "send files once, with a progress bar",
    operands: "PATH...",
    options: ["as", "under", "path", "attribute", "wait", "quiet", "json", "config", "set"],
    about: `Sends the files and folders that are named, beside a running agent or without one; no role and no watch
is needed. They arrive under the name of --as, else under the settings' name.
A folder arrives with its name, with a slash at its end only its content. What is named is sent, hidden or
not; below folders hidden files, links and special files are not. -, standard input, is not in this version.
Interrupted, it finishes what is under way; the same command goes on where it was. An outage is waited out.
--json: a file a line, once the brokers have it.
Exit code: 0 all of it is sent (and stored by the group of --wait), 1 not all, 2 wrong usage or configuration.`,
    examples: [
      "streamsend-agent send report.pdf photos/ --as office",
      "streamsend-agent send photos --under 2025 --attribute camera=x100 --wait archive --config uploader.yaml",
    ],
  },
  find: {
    summary: "where is my file?",
    operands: "[GLOB]",
    options: ["uploader", "json", "config", "set"],
    about: `Says of each file that the ledger knows where it is, those that were sent last first; no running agent
and no role is needed.
GLOB is on the path, without the uploader's name: '*.pdf' is in no folder, '**/*.pdf' in any.
STATE is the best that is known: sending, sent (the brokers have it), delivered (a group has stored it),
needed (a group asks for it once more), failed, or gone (no longer at the uploader, and nobody has it).
SOURCE: whether it is still at its uploader. SIZE is in bytes, times are in UTC by the brokers' clock.
--json has all of it. A file of up to 16 MiB is known once it is sent.
Exit code: 0 found, 1 nothing found, or no broker for 30 s, 2 wrong usage or configuration.`,
    examples: [
      "streamsend-agent find 'photos/**' --uploader pos-0042",
      "streamsend-agent find --json --config uploader.yaml | jq -r 'select(.state == \"failed\").path'",
    ],
  },
  check: {
    summary: "validate the configuration and print it",
    options: ["role", "config", "set", "record", "source"],
    about: `Loads the configuration as run does and prints what comes out, secrets masked; no network.
Problems go to standard error, one a line, all of them; exit code 2.`,
    examples: [
      "streamsend-agent check --config ./config.yaml",
      "STREAMSEND_ROLE=uploader streamsend-agent check",
    ],
  },
  doctor: {
    summary: "try what the role needs, and say how to fix it",
    options: ["role", "config", "set"],
    about: `Tries brokers, TLS, login, topics, rights, limits, retention, disk and clock: a line each, and the fix.
It leaves nothing changed, and runs beside an agent or without one.
Exit code: 0 fine, 1 something would stop the agent or lose data, 2 wrong usage or configuration.`,
    examples: ["streamsend-agent doctor --config /etc/streamsend/config.yaml"],
  },
  status: {
    summary: "what the running agent is doing",
    options: ["http", "ready", "config", "set"],
    about: `Asks the running agent over HTTP, at the address and with the token of its configuration (http.listen,
http.token); of other settings nothing is looked at. With --http at that address, with the token of the
environment, STREAMSEND_HTTP_TOKEN.
Exit code: 0 it has answered, 1 it does not, or not to this token, 2 wrong usage or configuration.`,
    examples: [
      "streamsend-agent status --config /etc/streamsend/office.yaml",
      "streamsend-agent status --http 127.0.0.1:9480",
    ],
  },
  redeliver: {
    summary: "fetch again what was delivered already",
    operands: "[GLOB]",
    options: ["since", "config", "set"],
    about: `Downloader: its group fetches again what it already had, or could not store; at once where a downloader runs.
GLOB is on UPLOADER/PATH; TIME is a date (2025-04-15, 2025-04-15T18:30) or a time ago (2h).
A file's newest version only, from the topic or, where that no longer has it, from its uploader.`,
    examples: ["streamsend-agent redeliver 'pos-0042/**' --since 2025-04-15"],
  },
  forget: {
    summary: "take a retired uploader or group out of the ledger",
    operands: "uploader|group NAME",
    options: ["yes", "config", "set"],
    about: `Says first what would be lost by it, and asks; no running agent is needed.
--yes does not ask. Without it, and without a terminal, nothing is changed. What is at work is refused.
Files that were stored stay, and so does what is in the topic, until it expires. An uploader that comes back
under the name sends all that it has again; a group that comes back begins anew.
Exit code: 0 forgotten, 1 not, unknown, at work, or no broker, 2 wrong usage or configuration.`,
    examples: [
      "streamsend-agent forget uploader pos-0042",
      "streamsend-agent forget group archive --yes --config /etc/streamsend/config.yaml",
    ],
  },
  keygen: {
    summary: "make a key for end-to-end encryption and signing",
    options: ["output"],
    about: `The secret part goes to FILE, for its owner only, and the public parts to standard output.
Without --output the secret part goes to standard output, and the public parts to standard error.`,
    examples: ["streamsend-agent keygen --output identity"],
  },
  schema: {
    summary: "print the configuration's JSON Schema",
    options: [],
    about: "Prints the JSON Schema (draft 2020-12) of the configuration file, with every key's description.",
    examples: ["streamsend-agent schema > streamsend.schema.json"],
  },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commandTexts;
export const commands: Readonly<Record<CommandName, Command>> = commandTexts;

export function isCommand(word: string): word is CommandName {
  return Object.hasOwn(commands, word);
}

/** Help for the program. */
export function programHelp(): string {
  const names = Object.keys(commands).filter(isCommand);
  const rows = names.map((name): [string, string] => [name, commands[name].summary + commandRemark(name)]);
  return `streamsend-agent moves files of any size through Apache Kafka.

Usage: streamsend-agent [COMMAND] [OPTIONS]

Commands:
${table(rows)}

Options of run:
${optionTable("run", [...commands.run.options, "help", "version"])}

Every setting can come from the file, from the environment (STREAMSEND_KAFKA_BROKERS) or from --set.

Examples:
${lines(commands.run.examples)}

streamsend-agent COMMAND --help says more about a command.
`;
}

/** How a command is called. */
export function usage(name: CommandName): string {
  const { operands } = commands[name];
  return `streamsend-agent ${name === "run" ? "[run]" : name}${operands === undefined ? "" : ` ${operands}`} [OPTIONS]`;
}

/** Help for one command. */
export function commandHelp(name: CommandName): string {
  const command = commands[name];
  return `streamsend-agent ${name}: ${command.summary}${commandRemark(name)}

Usage: ${usage(name)}

${command.about}

Options:
${optionTable(name, [...command.options, "help"])}

Examples:
${lines(command.examples)}
`;
}

function optionTable(command: CommandName, names: readonly OptionName[]): string {
  return table(
    names.map((name): [string, string] => {
      const { value, text } = options[name];
      return [value === undefined ? `--${name}` : `--${name} ${value}`, text + optionRemark(command, name)];
    }),
  );
}

function table(rows: readonly [string, string][]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return lines(rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`));
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `  ${text}`).join("\n");
}

const remarkNotYet = " (not in this version)";

/** What is to be said behind a command's summary: nothing, if it is built. */
export function commandRemark(name: CommandName): string {
  return isCommandNotYet(name) ? remarkNotYet : "";
}

/** What is to be said behind an option's text: nothing, if it is built. */
export function optionRemark(command: CommandName, name: OptionName): string {
  return isOptionNotYet(command, name) ? remarkNotYet : "";
}
