/** The man page, of the same table as `--help`. In groff's man macros. */
import {
  type CommandName,
  commandRemark,
  commands,
  isCommand,
  type OptionName,
  optionRemark,
  options,
  usage,
} from "../../agent/commands/help.ts";

const description = `streamsend-agent moves files of any size through Apache Kafka. As uploader it watches directories and sends what stands still in them; as
downloader it puts the files together again, verifies them, and publishes them below its output. Every setting can come from the configuration
file, from the environment (STREAMSEND_KAFKA_BROKERS is kafka.brokers), or from --set, which wins.`;

const environment: readonly [name: string, text: string][] = [
  ["STREAMSEND_CONFIG", "the configuration file, where no --config names one"],
  ["STREAMSEND_...", "any setting: upper case, an underscore for each dot"],
  ["STREAMSEND_HTTP_TOKEN", "what status shows to an agent that wants a token"],
];

const files: readonly [name: string, text: string][] = [
  ["/etc/streamsend/config.yaml", "the configuration, where nothing else names one"],
  ["/etc/streamsend/NAME.yaml", "that of the service streamsend-agent@NAME"],
  ["/etc/streamsend/*.example", "examples; config.yaml.example has every key with its default"],
  ["/etc/default/streamsend-agent", "variables for all services of this machine"],
  ["OUTPUT/.streamsend", "what a downloader has begun and not finished, and its memory"],
];

const exitCodes: readonly [code: string, text: string][] = [
  ["0", "done, or stopped by a signal"],
  ["1", "it failed; COMMAND --help says what that means for each"],
  ["2", "wrong usage or configuration: trying again changes nothing"],
];

/** `date`: as YYYY-MM-DD. */
export function manPage(version: string, date: string): string {
  const names = Object.keys(commands).filter(isCommand);
  return [
    `.TH STREAMSEND\\-AGENT 1 "${date}" "streamsend\\-agent ${text(version)}" "User Commands"`,
    ".SH NAME",
    "streamsend\\-agent \\- moves files of any size through Apache Kafka",
    ".SH SYNOPSIS",
    `.B streamsend\\-agent\n[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]`,
    ".SH DESCRIPTION",
    paragraph(description),
    ".SH COMMANDS",
    ...names.flatMap(commandSection),
    ".SH ENVIRONMENT",
    ...environment.map(([name, about]) => entry(bold(name), about)),
    ".SH FILES",
    ...files.map(([name, about]) => entry(bold(name), about)),
    ".SH EXIT STATUS",
    ...exitCodes.map(([code, about]) => entry(bold(code), about)),
    ".SH SEE ALSO",
    ".BR systemctl (1),",
    ".BR journalctl (1)",
    "",
  ].join("\n");
}

function commandSection(name: CommandName): string[] {
  const command = commands[name];
  return [
    `.SS "${text(name)}: ${text(command.summary + commandRemark(name))}"`,
    bold(usage(name)),
    ".PP",
    paragraph(command.about),
    ...[...command.options, ...common(name)].map((option) => optionEntry(name, option)),
    ".PP",
    command.examples.length === 1 ? "Example:" : "Examples:",
    ".PP",
    ".EX",
    ...command.examples.map((example) => noMacro(text(example))),
    ".EE",
  ];
}

/** What each command takes is said once, with the default one. */
function common(name: CommandName): OptionName[] {
  return name === "run" ? ["help", "version"] : [];
}

function optionEntry(command: CommandName, name: OptionName): string {
  const { value, text: about } = options[name];
  const head = bold(`--${name}`) + (value === undefined ? "" : ` \\fI${text(value)}\\fR`);
  return entry(head, about + optionRemark(command, name));
}

function entry(head: string, about: string): string {
  return `.TP\n${head}\n${filled(about)}`;
}

/** What ends a line with a full stop begins a line of the page; other lines run on. */
function paragraph(about: string): string {
  return about
    .split(/(?<=\.)\n/)
    .map(filled)
    .join("\n.br\n");
}

/** The page is filled by whoever shows it; this is for the source's own lines. */
function filled(about: string): string {
  const lines: string[] = [];
  for (const word of text(about).split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length === 0 || longer.length > 79) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.map(noMacro).join("\n");
}

function bold(words: string): string {
  return `\\fB${text(words)}\\fR`;
}

/** A hyphen that can be copied, and quotation marks that stay what they are. */
function text(words: string): string {
  return words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll('"', "\\(dq")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replaceAll("`", "\\(ga");
}

function noMacro(line: string): string {
  return line.replace(/^\./, "\\&.");
}
