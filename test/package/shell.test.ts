/** The man page and the shells' completions, by man, mandoc, bash and zsh themselves. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandHelp, commands, isCommand } from "../../agent/commands/help.ts";
import { isCommandNotYet } from "../../agent/commands/not-yet.ts";
import { bashCompletion, zshCompletion } from "../../scripts/package-parts/completions.ts";
import { manPage } from "../../scripts/package-parts/man-page.ts";
import { run } from "../support/compare.ts";

const names = Object.keys(commands).filter(isCommand);
const built = names.filter((name) => !isCommandNotYet(name));
let folder: string;
let page: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streamsend-shell-"));
  page = join(folder, "streamsend-agent.1");
  await writeFile(page, manPage("1.2.3", "2026-01-02"));
  await writeFile(join(folder, "bash"), bashCompletion());
  await writeFile(join(folder, "_streamsend-agent"), zshCompletion());
  await writeFile(join(folder, "one.yaml"), "");
});

afterAll(() => rm(folder, { recursive: true }));

test("neither man nor mandoc has anything against the page", async () => {
  expect(await run(["mandoc", "-T", "lint", page])).toEqual({ code: 0, output: "", errors: "" });
  const { code, errors } = await run(["man", "--warnings", "--local-file", page]);
  expect([code, errors]).toEqual([0, ""]);
});

test("the page has every command, with every option of its --help", async () => {
  const { output } = await run(["mandoc", "-T", "ascii", "-O", "width=200", page]);
  // Bold and underlined as a terminal's printer would do it.
  const shown = output.replaceAll(/.[\b]/g, "");
  expect(shown).toContain("streamsend-agent 1.2.3");
  const sections = shown.split(/^ {3}(?=\S)/m);
  for (const name of names) {
    const section = sections.find((text) => text.startsWith(`${name}: ${commands[name].summary}`)) ?? "";
    for (const [option] of commandHelp(name).matchAll(/^ {2}--(?!help)\S+/gm)) {
      expect([name, section]).toEqual([name, expect.stringContaining(option.trim())]);
    }
    for (const example of commands[name].examples) expect(section).toContain(example);
  }
});

test("bash completes commands, options, values and files", async () => {
  expect(await bash("streamsend-agent ''")).toEqual([...built].sort());
  expect(await bash("streamsend-agent che")).toEqual(["check"]);
  expect(await bash("streamsend-agent --ro")).toEqual(["--role"]);
  expect(await bash("streamsend-agent check --role u")).toEqual(["uploader"]);
  expect(await bash("streamsend-agent --role = down")).toEqual(["downloader"]);
  expect(await bash("streamsend-agent --role = ")).toEqual(["downloader", "uploader"]);
  expect(await bash("streamsend-agent --config on")).toEqual(["one.yaml"]);
  expect(await bash("streamsend-agent --config one.yaml do")).toEqual(["doctor"]);
  expect(await bash("streamsend-agent --config = one.yaml do")).toEqual(["doctor"]);
  expect(await bash("streamsend-agent forget u")).toEqual(["uploader"]);
  expect(await bash("streamsend-agent forget uploader u")).toEqual([]);
  expect(await bash("streamsend-agent status --")).toEqual([
    ...["--config", "--help", "--http", "--ready", "--set"],
  ]);
  expect(await bash("streamsend-agent status --http ''")).toEqual([]);
});

test("bash offers each option of each command that there is", async () => {
  for (const name of built) {
    const offered = await bash(`streamsend-agent ${name} --`);
    const told = [...commandHelp(name).matchAll(/^ {2}(--[\w-]+)(?!.*\(not in this version\))/gm)];
    expect([name, offered]).toEqual([name, expect.arrayContaining(told.map(([, option]) => option))]);
  }
});

test("zsh offers the commands, and a command's options", async () => {
  const offered = await zsh("streamsend-agent ", "status");
  for (const name of built) expect(offered).toContain(name);
  expect(await zsh("streamsend-agent forget ", "uploader")).toContain("group");
  expect(await zsh("streamsend-agent check --", "--set")).toContain(
    "configuration; default: $STREAMSEND_CONFIG",
  );
});

/** What bash offers for the last of these words, sorted; split as readline does it. */
async function bash(line: string): Promise<string[]> {
  const script = `source ${folder}/bash; COMP_WORDS=(${line}${line.endsWith(" ") ? "''" : ""})
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _streamsend_agent; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, output, errors } = await run(["bash", "-uc", script], { cwd: folder });
  expect([code, errors]).toEqual([0, ""]);
  return output
    .split("\n")
    .filter((word) => word !== "")
    .sort();
}

/** What an interactive zsh shows after two tabs, up to `last`. */
async function zsh(line: string, last: string): Promise<string> {
  const setUp = `fpath=(${folder} $fpath); autoload -Uz compinit; compinit -D -u; LISTMAX=1000; print REA''DY`;
  const script = `zmodload zsh/zpty; zpty shell zsh -f -i
    zpty -w shell ${JSON.stringify(setUp).replaceAll("$", "\\$")}
    zpty -r shell shown '*READY*'
    zpty -w -n shell $'${line}\\t\\t'
    zpty -r shell shown '*${last}*'
    print -r -- $shown; zpty -d shell`;
  const { code, output, errors } = await run(["timeout", "60", "zsh", "-fc", script], { cwd: folder });
  expect([code, errors]).toEqual([0, ""]);
  return output;
}
