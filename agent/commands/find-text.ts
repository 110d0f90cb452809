/**
 * What `find` prints: a line a file, in columns or as JSON. The same on a terminal and in a pipe, without colours: sizes in bytes, times in
 * UTC, the path last as it may have blanks in it, and behind it what is to be said in words.
 */
import type { FoundFile, FoundFiles } from "../ledger/find/find-files.ts";
import { itemOf, timeOf } from "../ledger/find/found-json.ts";
import { printable, printableJson } from "../lib/printable.ts";
import { pathToDisplay } from "../wire/path.ts";

/** Handed over at a time, characters. */
const pieceLength = 64 << 10;
/** A column is no wider because of one long name. */
const widest = 40;

const headings = ["TIME", "STATE", "SOURCE", "SIZE", "UPLOADER", "GROUPS", "PATH"] as const;
const sizeColumn = headings.indexOf("SIZE");
const lastColumn = headings.length - 1;

/** The lines, some at a time. */
export function* textOf({ files }: Pick<FoundFiles, "count" | "files">, isJson: boolean): Generator<string> {
  const lines = isJson ? jsonLines(files()) : columns(() => files());
  let piece = "";
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < pieceLength) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

function* jsonLines(files: Iterable<FoundFile>): Generator<string> {
  for (const file of files) yield printableJson(JSON.stringify(itemOf(file)));
}

/** @param files asked for twice: how wide columns are is known when all were seen */
function* columns(files: () => Iterable<FoundFile>): Generator<string> {
  const widths: number[] = headings.map(({ length }) => length);
  for (const file of files())
    for (const [at, cell] of cellsOf(file).entries())
      widths[at] = Math.max(widths[at] ?? 0, Math.min(widest, cell.length));
  yield line(headings, widths);
  for (const file of files()) yield line(cellsOf(file), widths) + remarkOf(file);
}

function line(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, at) => {
    if (at === lastColumn) return cell;
    return at === sizeColumn ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
  });
  return padded.join("  ");
}

function cellsOf(file: FoundFile): string[] {
  const { uploader, path, size, state, timeMs, groups, source } = file;
  const said = groups.map((group) => `${printable(group.group)}=${group.state}`);
  const time = timeOf(timeMs)?.replace(/\.\d+/, "") ?? "-";
  return [
    ...[time, state, source, String(size), uploader, said.join(",") || "-"],
    printable(pathToDisplay(path)),
  ];
}

/** How far it is, and why it is no further. */
function remarkOf({ state, size, acknowledged, groups, reason }: FoundFile): string {
  const remarks = groups.flatMap((said) =>
    said.reason === undefined ? [] : [`${printable(said.group)}: ${printable(said.reason)}`],
  );
  if (state === "sending") remarks.unshift(`${acknowledged} of ${size} bytes acknowledged`);
  if (reason !== undefined) remarks.unshift(`given up: ${printable(reason)}`);
  return remarks.length > 0 ? `  (${remarks.join("; ")})` : "";
}
