/** What bash and zsh complete, of the same table as `--help`. What is not in this version is not offered. */
import {
  type CommandName,
  commands,
  isCommand,
  type Option,
  type OptionName,
  options,
} from "../../agent/commands/help.ts";
import { isCommandNotYet, isOptionNotYet } from "../../agent/commands/not-yet.ts";

/** The words that a value or an operand can be, a name on the disk, or nothing that is known here. */
type Kind = readonly string[] | "files" | "unknown";

const isOption = (name: string): name is OptionName => Object.hasOwn(options, name);
const optionNames = Object.keys(options).filter(isOption);
const withValue = optionNames.filter((name) => options[name].value !== undefined);

function commandNames(): CommandName[] {
  return Object.keys(commands)
    .filter(isCommand)
    .filter((name) => !isCommandNotYet(name));
}

function optionsOf(command: CommandName): OptionName[] {
  const built = commands[command].options.filter((name) => !isOptionNotYet(command, name));
  return [...built, "help", ...(command === "run" ? (["version"] as const) : [])];
}

function valueKind({ value, choices }: Option): Kind {
  return choices ?? (value === "FILE" ? "files" : "unknown");
}

/** Of the first operand: `uploader|group NAME`, `PATH...`, `[GLOB]`. */
function operandKind(command: CommandName): Kind {
  const first = commands[command].operands?.split(" ")[0] ?? "";
  if (first.includes("|")) return first.split("|");
  return first.startsWith("PATH") ? "files" : "unknown";
}

/** For /usr/share/bash-completion/completions; needs nothing of bash-completion itself. */
export function bashCompletion(): string {
  const answers = (kind: Exclude<Kind, "unknown">) =>
    kind === "files" ? "_streamsend_agent_files" : `_streamsend_agent_words ${quoted(kind.join(" "))}`;
  const values = withValue.map((name) => {
    const kind = valueKind(options[name]);
    return `    --${name}) ${kind === "unknown" ? "" : `${answers(kind)}; `}return ;;`;
  });
  const ofCommand = commandNames().map(
    (name) =>
      `    ${name}) options=${quoted(
        optionsOf(name)
          .map((option) => `--${option}`)
          .join(" "),
      )} ;;`,
  );
  const operands = commandNames().flatMap((name) => {
    const kind = operandKind(name);
    return kind === "unknown" ? [] : [`    ${name}:${kind === "files" ? "*" : "0"}) ${answers(kind)} ;;`];
  });
  return `# bash completion for streamsend-agent

_streamsend_agent_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"); }

_streamsend_agent_files() {
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

_streamsend_agent() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command= operands=0 options i
  COMPREPLY=()
  # --role=up is three words here.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $before in
${values.join("\n")}
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${withValue.map((name) => `--${name}`).join(" | ")})
        [[ \${COMP_WORDS[i + 1]} != = ]] || i=$((i + 1))
        i=$((i + 1))
        ;;
      -?*) ;;
      *) if [[ -z $command ]]; then command=\${COMP_WORDS[i]}; else operands=$((operands + 1)); fi ;;
    esac
  done
  case \${command:-run} in
${ofCommand.join("\n")}
    *) return ;;
  esac
  if [[ $word == -* ]]; then
    _streamsend_agent_words "$options"
    return
  fi
  case $command:$operands in
    :*) _streamsend_agent_words ${quoted(commandNames().join(" "))} ;;
${operands.join("\n")}
  esac
  return 0
}

complete -F _streamsend_agent streamsend-agent
`;
}

/** For /usr/share/zsh/vendor-completions. */
export function zshCompletion(): string {
  const optionSpecs = (command: CommandName) => optionsOf(command).map((name) => optionSpec(name));
  const rest = commandNames().map((name) => {
    const specs = [...optionSpecs(name), ...operandSpecs(name)];
    return `        ${name}) _arguments -S ${specs.join(" ")} ;;`;
  });
  return `#compdef streamsend-agent

_streamsend_agent() {
  local curcontext=$curcontext state state_descr line
  typeset -A opt_args
  local -a commands=(
${commandNames()
  .map((name) => `    ${quoted(`${name}:${commands[name].summary}`)}`)
  .join("\n")}
  )
  _arguments -C -S ${optionSpecs("run").join(" ")} ': :->command' '*:: :->rest' && return
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $words[1] in
${rest.join("\n")}
      esac
      ;;
  esac
}

_streamsend_agent "$@"
`;
}

function optionSpec(name: OptionName): string {
  const { value, text } = options[name];
  const repeated = text.includes("may be repeated") ? "*" : "";
  const about = text.replaceAll(/[[\]:\\]/g, "\\$&");
  const argument = value === undefined ? "" : `:${value}:${zshAction(valueKind(options[name]))}`;
  return quoted(`${repeated}--${name}${value === undefined ? "" : "="}[${about}]${argument}`);
}

function operandSpecs(command: CommandName): string[] {
  const { operands } = commands[command];
  if (operands === undefined) return [];
  const kind = operandKind(command);
  const rest = kind === "files" ? "*" : "";
  const [first = "", ...others] = operands.replaceAll(/[[\].]/g, "").split(" ");
  const specs = [`${rest}:${first}:${zshAction(kind)}`, ...others.map((name) => `:${name}: `)];
  return specs.map(quoted);
}

function zshAction(kind: Kind): string {
  if (kind === "files") return "_files";
  return kind === "unknown" ? " " : `(${kind.join(" ")})`;
}

function quoted(words: string): string {
  return `'${words.replaceAll("'", "'\\''")}'`;
}
