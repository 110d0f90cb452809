/** The blocks of code in the documents whose commands are run: in README.md, docs/getting-started.md and docs/troubleshooting.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const documentsThatAreRun = [
  "README.md",
  "docs/getting-started.md",
  "docs/troubleshooting.md",
] as const;

export type RunDocument = (typeof documentsThatAreRun)[number];

export interface Block {
  /** sh: commands. yaml: a configuration, or a part of one. text: neither. */
  readonly language: string;
  readonly code: string;
  /** The nearest one above it. */
  readonly heading: string;
  /** Of its fence, from 1. */
  readonly line: number;
  /** Why its commands are not run; undefined: they are. */
  readonly notRun: string | undefined;
}

export function blocksOf(document: RunDocument): Block[] {
  return blocksIn(readFileSync(join(import.meta.dir, "../..", document), "utf8"));
}

export function blocksIn(text: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { language: string; line: number; notRun: string | undefined; lines: string[] } | undefined;
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.startsWith("```")) {
      if (open !== undefined) {
        const { lines: code, ...block } = open;
        blocks.push({ ...block, heading, code: `${code.join("\n")}\n` });
        open = undefined;
      } else {
        const [, notRun] = /^<!-- not run: (.+) -->$/.exec(lines[index - 1] ?? "") ?? [];
        open = { language: line.slice(3), line: index + 1, notRun, lines: [] };
      }
    } else if (open !== undefined) open.lines.push(line);
    else if (/^#+ /.test(line)) heading = line.replace(/^#+ /, "");
  }
  if (open !== undefined) throw new Error(`the block in line ${open.line} has no end`);
  return blocks;
}
