/** Are two trees the same? Asked of the system's own tools: `diff`, `md5sum`, `find`. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import type { AgentProcess } from "./agent-process.ts";
import { waitUntil } from "./wait.ts";

/** Runs a command; gives what it printed. */
export async function run(
  command: readonly string[],
  options: { cwd?: string } = {},
): Promise<{ code: number; output: string; errors: string }> {
  // Where the tests' broker is, is no variable of the agent's, which minds it.
  const { STREAMSEND_TEST_KAFKA: _, ...env } = process.env;
  const child = Bun.spawn([...command], {
    ...options,
    env: { ...env, LC_ALL: "C" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const read = (stream: ReadableStream<Uint8Array>) => new Response(stream).bytes();
  const [output, errors, code] = await Promise.all([read(child.stdout), read(child.stderr), child.exited]);
  // Names may be bytes that are no UTF-8: kept apart as Latin-1.
  return {
    code,
    output: Buffer.from(output).toString("latin1"),
    errors: Buffer.from(errors).toString("latin1"),
  };
}

/** `diff -r`: nothing when both trees have the same files with the same bytes. */
export async function differences(left: string, right: string): Promise<string> {
  const { code, output, errors } = await run([
    "diff",
    "-rq",
    "--no-dereference",
    "-x",
    ".streamsend",
    left,
    right,
  ]);
  if (code > 1) return errors;
  return output;
}

/**
 * Waits until `output` has as many files as `source`, then fails if it is not the same, byte for byte and to the
 * modification times. Files of agents (`.streamsend`) do not count.
 */
export async function expectSameTree(
  source: string,
  output: string,
  agents: readonly AgentProcess[],
): Promise<void> {
  const wanted = (await listFiles(source)).length;
  await waitUntil(`${output} has ${wanted} files`, async () => (await listFiles(output)).length >= wanted, {
    detail: () => agents.map((agent) => agent.report()).join("\n"),
  });
  expect(await listFiles(output)).toEqual(await listFiles(source));
  expect(await differences(source, output)).toBe("");
}

/** Path, size and modification time of each file, sorted, without `.streamsend` at the top; none without a folder. */
export async function listFiles(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const command = [
    "find",
    ".",
    "-path",
    "./.streamsend",
    "-prune",
    "-o",
    "-type",
    "f",
    "-printf",
    "%P %s %T@\\0",
  ];
  const { code, output, errors } = await run(command, { cwd: folder });
  // A file may be renamed or removed while find looks at its folder.
  if (code !== 0 && !errors.includes("No such file or directory")) throw new Error(errors);
  return output.split("\0").slice(0, -1).sort();
}

export async function md5sum(path: string): Promise<string> {
  const { code, output, errors } = await run(["md5sum", "--", path]);
  if (code !== 0) throw new Error(errors);
  return output.replace(/^\\/, "").slice(0, 32);
}

/** What a downloader has left of its own in an output: files under `.streamsend`, but for the store's name and what it knows of what it has stored. */
export async function leftovers(output: string): Promise<string[]> {
  const { output: found } = await run(["find", ".streamsend", "!", "-type", "d"], { cwd: output });
  const kept = ["", ".streamsend/store", ".streamsend/marks", ".streamsend/versions", ".streamsend/ledger"];
  return found.split("\n").filter((line) => !kept.includes(line));
}

/** What a command prints; throws if it fails. */
export async function succeed(...command: string[]): Promise<string> {
  const { code, output, errors } = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")} has failed with ${code}: ${output}${errors}`);
  return output;
}
