import { stringify } from "yaml";
import { z } from "zod";
import type { Loaded } from "../config/load.ts";
import { isSecret, twinOf } from "../config/mask.ts";
import { withoutCredentials } from "../config/problems.ts";
import { schema } from "../config/schema.ts";
import type { Path } from "../config/tree.ts";
import { printableLines, withoutCommands } from "../lib/printable.ts";

/**
 * What the agent would run with, as YAML in the configuration file's own words: the sections that its role uses,
 * secrets as `***`, or as the file that they were read from.
 */
export function formatSettings({ settings }: Pick<Loaded, "settings">): string {
  const { uploader, downloader, ...common } = z.encode(schema, settings);
  const own = settings.role === "uploader" ? { uploader } : { downloader };
  const { role, name, shutdown_timeout, kafka, ...rest } = common;
  const shown = { role, name, shutdown_timeout, kafka, ...own, ...rest };
  return printableYaml(masked(shown, []));
}

/** With a value that would command who looks at it: every text in double quotes, where YAML has escapes for it. */
function printableYaml(value: unknown): string {
  const options = { lineWidth: 0 };
  const plain = stringify(value, options);
  if (printableLines(plain) === plain) return plain;
  const quoted = stringify(value, { ...options, defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" });
  return withoutCommands(quoted, (code) => (code > 0xffff ? `\\U${hexOf(code, 8)}` : `\\u${hexOf(code, 4)}`));
}

function hexOf(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

function masked(value: unknown, path: Path): unknown {
  if (typeof value === "string") {
    if (isSecret(path)) return value === "" ? value : "***";
    return path[0] === "kafka" ? withoutCredentials(value) : value;
  }
  if (Array.isArray(value)) return value.map((item, index) => masked(item, [...path, index]));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => !isReadFromFile([...path, name], value));
  return Object.fromEntries(entries.map(([name, inner]) => [name, masked(inner, [...path, name])]));
}

function isReadFromFile(path: Path, section: object): boolean {
  const twin = isSecret(path) ? twinOf(path)?.at(-1) : undefined;
  return twin !== undefined && Object.hasOwn(section, twin) && Reflect.get(section, twin) !== undefined;
}
