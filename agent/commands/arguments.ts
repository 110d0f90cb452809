import { type CommandName, commands, isCommand, type OptionName, options } from "./help.ts";

/** The command line as it was meant; values are not looked into. */
export interface Arguments {
  /** undefined: none was named, which means run. */
  readonly command: CommandName | undefined;
  readonly operands: readonly string[];
  readonly flags: ReadonlySet<OptionName>;
  /** The values of options that take one, in their order. */
  readonly values: ReadonlyMap<OptionName, readonly string[]>;
}

/** The command line is wrong: one line that says why; exit code 2. */
export class UsageError extends Error {
  readonly command: CommandName | undefined;
  constructor(message: string, command?: CommandName) {
    super(message);
    this.command = command;
  }
}

/** @throws UsageError at the first mistake, so that nothing behind it is echoed: it may be a secret */
export function parseArguments(args: readonly string[]): Arguments {
  const words: string[] = [];
  const flags = new Set<OptionName>();
  const values = new Map<OptionName, string[]>();
  const rest = args.values();
  for (const arg of rest) {
    if (arg === "--") {
      words.push(...rest);
    } else if (!arg.startsWith("-") || arg === "-") {
      // The first word is the command; only a wrong one can be told here from what it was meant to be.
      if (words.length === 0 && !isCommand(arg)) throw new UsageError(`unknown command ${quote(arg)}`);
      words.push(arg);
    } else {
      const { name, inline } = toOption(arg);
      if (options[name].value === undefined) {
        if (inline !== undefined) throw new UsageError(`--${name} takes no value`);
        flags.add(name);
      } else {
        const value = inline ?? rest.next().value;
        if (value === undefined)
          throw new UsageError(`--${name} needs a value: --${name} ${options[name].value}`);
        // Here, not later: what comes next may be the secret that was meant to be the value.
        if (name === "set" && !/^[^=]+=/.test(value)) throw new UsageError("--set needs KEY=VALUE");
        values.set(name, [...(values.get(name) ?? []), value]);
      }
    }
  }
  const [first, ...operands] = words;
  const command = first !== undefined && isCommand(first) ? first : undefined;
  checkAllowed(command ?? "run", flags, values, operands);
  return { command, operands, flags, values };
}

function toOption(arg: string): { name: OptionName; inline: string | undefined } {
  if (arg === "-h") return { name: "help", inline: undefined };
  const [option = "", ...rest] = arg.split("=");
  const name = option.slice(2);
  if (!option.startsWith("--") || !isOption(name)) throw new UsageError(`unknown option ${quote(option)}`);
  return { name, inline: rest.length === 0 ? undefined : rest.join("=") };
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(options, name);
}

function checkAllowed(
  command: CommandName,
  flags: ReadonlySet<OptionName>,
  values: ReadonlyMap<OptionName, readonly string[]>,
  operands: readonly string[],
): void {
  if (flags.has("help") || flags.has("version")) return;
  for (const name of [...flags, ...values.keys()]) {
    if (!commands[command].options.includes(name)) {
      throw new UsageError(`--${name} is no option of ${command}`, command);
    }
  }
  if (operands.length > 0 && commands[command].operands === undefined) {
    throw new UsageError(`${command} takes no argument ${quote(operands[0] ?? "")}`, command);
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
