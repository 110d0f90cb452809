import { expect, test } from "bun:test";
import { parseArguments, UsageError } from "../../../agent/commands/arguments.ts";
import { commandHelp, commands, isCommand, programHelp } from "../../../agent/commands/help.ts";

const values = (...args: string[]) => Object.fromEntries(parseArguments(args).values);

test("options stand before or behind the command, with = or without", () => {
  for (const args of [
    ["check", "--config", "f"],
    ["--config", "f", "check"],
    ["check", "--config=f"],
  ]) {
    expect(parseArguments(args)).toMatchObject({ command: "check", values: new Map([["config", ["f"]]]) });
  }
});

test("without a command none is named", () => {
  expect(parseArguments([]).command).toBeUndefined();
  expect(parseArguments(["--once"])).toMatchObject({ command: undefined, flags: new Set(["once"]) });
});

test("--set may be repeated, and its value may look like anything", () => {
  expect(values("--set", "a=1", "--set=b=c=d", "--set", "e=--once", "--set", "f=")).toEqual({
    set: ["a=1", "b=c=d", "e=--once", "f="],
  });
});

test("what follows -- is no option", () => {
  expect(parseArguments(["send", "--", "--once", "-x"]).operands).toEqual(["--once", "-x"]);
});

test("wrong usage is said in one line", () => {
  const wrong: [args: string[], message: string][] = [
    [["chek"], 'unknown command "chek"'],
    [["--colour"], 'unknown option "--colour"'],
    [["-x"], 'unknown option "-x"'],
    [["--constructor"], 'unknown option "--constructor"'],
    [["--config"], "--config needs a value: --config FILE"],
    [["--once=yes"], "--once takes no value"],
    [["check", "--once"], "--once is no option of check"],
    [["schema", "--config", "x"], "--config is no option of schema"],
    [["check", "a\nb"], 'check takes no argument "a\\nb"'],
    [["--set", "kafka.topic"], "--set needs KEY=VALUE"],
  ];
  for (const [args, message] of wrong) {
    expect(() => parseArguments(args)).toThrow(new UsageError(message));
  }
});

test("a secret that got behind its key is not echoed", () => {
  expect(() => parseArguments(["--set", "kafka.sasl.password", "hunter2"])).toThrow("--set needs KEY=VALUE");
  expect(() => parseArguments(["--pasword=hunter2"])).toThrow('unknown option "--pasword"');
});

test("every command has a help with its options and an example, and is in the program's", () => {
  for (const name of Object.keys(commands).filter(isCommand)) {
    const help = commandHelp(name);
    expect(help).toContain("Usage: streamsend-agent ");
    expect(help).toMatch(/Examples:\n {2}\S/);
    for (const option of commands[name].options) expect(help).toContain(`  --${option}`);
    expect(programHelp()).toContain(`  ${name} `);
  }
});

test("help fits a terminal", () => {
  const all = [programHelp(), ...Object.keys(commands).filter(isCommand).map(commandHelp)];
  for (const line of all.join("").split("\n")) expect(line.length).toBeLessThanOrEqual(110);
});
