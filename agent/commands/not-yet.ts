/**
 * Commands, and options of commands, that the contract knows and this version cannot do (settings: config/not-yet.ts).
 * Built something? Delete it here.
 */
const commandsNotYet: readonly string[] = ["keygen"];
const optionsNotYet: Readonly<Record<string, readonly string[]>> = {
  check: ["record", "source"],
  send: ["path"],
};

export function isCommandNotYet(command: string): boolean {
  return commandsNotYet.includes(command);
}

/** Whether an option cannot be used with a command that is there. */
export function isOptionNotYet(command: string, option: string): boolean {
  return optionsNotYet[command]?.includes(option) ?? false;
}
