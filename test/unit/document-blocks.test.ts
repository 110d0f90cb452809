/** In the documents that newcomers follow each block is commands that are run, or are not for a stated reason; a configuration; or neither. */
import { expect, test } from "bun:test";
import { blocksIn, blocksOf, documentsThatAreRun } from "../support/document-blocks.ts";
import { problemsOf } from "./config/loading.ts";

/** What would be a command if it stood in a block of commands. */
const command =
  /^\s*(?:[$#] |(?:sudo|scripts\/\w+|streamsend-agent|systemctl|journalctl|docker|apt-get|tar|cat) )/m;

test.each(documentsThatAreRun)("%s has no third kind of block", (document) => {
  const blocks = blocksOf(document);
  expect(blocks.some(({ language }) => language === "sh")).toBe(true);
  const wrong = blocks.filter(({ language, code, notRun }) =>
    language === "sh"
      ? code.trim() === ""
      : notRun !== undefined ||
        !["yaml", "text"].includes(language) ||
        (language === "text" && command.test(code)),
  );
  expect(wrong).toEqual([]);
});

test.each(documentsThatAreRun)("the configurations in %s are right", async (document) => {
  for (const { code, language, line } of blocksOf(document)) {
    if (language !== "yaml") continue;
    const role = /^role:/m.test(code) ? {} : { role: "uploader", set: ["uploader.watch.0.path=/w"] };
    const problems = await problemsOf(code, {
      environment: { CREDENTIALS_DIRECTORY: "/run/credentials" },
      ...role,
    });
    // Of files that a reader's machine has.
    expect([line, problems.filter((problem) => !problem.endsWith(": no such file"))]).toEqual([line, []]);
  }
});

test("a block knows its heading, its language, and why it is not run", () => {
  const text = "# One\n```sh\na\n```\n<!-- not run: it hangs -->\n```sh\n# b\n```\n\n## Two\n```\nc\n```\n";
  expect(blocksIn(text)).toEqual([
    { language: "sh", code: "a\n", heading: "One", line: 2, notRun: undefined },
    { language: "sh", code: "# b\n", heading: "One", line: 6, notRun: "it hangs" },
    { language: "", code: "c\n", heading: "Two", line: 11, notRun: undefined },
  ]);
  expect(() => blocksIn("```sh\na\n")).toThrow("line 1");
  expect(command.test("sudo rm -r /srv\n")).toBe(true);
});
