/** What was measured, for people at the terminal and for docs/benchmarks.md, whose tables are made here. */
import { join } from "node:path";
import { printTable } from "../table.ts";

export interface Table {
  title: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

export interface Picture {
  /** Its file's name in docs/benchmarks. */
  name: string;
  svg: string;
  /** For those who can't see it. */
  text: string;
}

export interface Report {
  tables: readonly Table[];
  pictures?: readonly Picture[];
  /** What has to be known to read them; whole sentences. */
  remarks?: readonly string[];
}

const docs = join(import.meta.dir, "../../../docs");
const document = join(docs, "benchmarks.md");

export function printReport({ tables, remarks = [] }: Report): void {
  for (const { title, head, rows } of tables) printTable(title, head, rows);
  for (const remark of remarks) console.log(`\n  ${remark}`);
}

/** Puts it in the document in place of what was measured before, and its pictures beside it. */
export async function writeReport(name: string, report: Report, machine: string): Promise<void> {
  const text = await Bun.file(document).text();
  await Bun.write(document, withSection(text, name, markdownOf(report, machine)));
  for (const { name, svg } of report.pictures ?? []) await Bun.write(join(docs, "benchmarks", name), svg);
}

/** The text with `content` between the section's marks. Throws when it has no such section. */
export function withSection(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no section ${name}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}

export function markdownOf({ tables, pictures = [], remarks = [] }: Report, machine: string): string {
  const blocks = tables.flatMap(({ title, head, rows }) => [`**${title}**`, markdownTable(head, rows)]);
  const images = pictures.map(({ name, text }) => `![${text}](benchmarks/${name})`);
  return [...blocks, ...images, ...remarks, machine].map((block) => `${block}\n`).join("\n");
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((one) => one.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = `|${head.map((_, at) => (at === 0 ? "---|" : "--:|")).join("")}`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
