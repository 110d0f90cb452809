import { existsSync } from "node:fs";
import type { Environment } from "./environment.ts";
import type { Problems } from "./problems.ts";
import { readTextFile } from "./read-file.ts";
import { readError } from "./secret-files.ts";
import type { Section } from "./tree.ts";
import { readYaml, YamlError } from "./yaml-text.ts";

const DEFAULT_FILE = "/etc/streamsend/config.yaml";
const LARGEST_BYTES = 1024 * 1024;

/** The file's content: of `--config`, else of $STREAMSEND_CONFIG, else of the default place if there is one. */
export function readConfigFile(
  option: string | undefined,
  environment: Environment,
  problems: Problems,
  defaultFile = DEFAULT_FILE,
): Section {
  if (option !== undefined) return read(option, "--config", problems);
  const variable = environment.STREAMSEND_CONFIG;
  if (variable !== undefined && variable !== "") return read(variable, "STREAMSEND_CONFIG", problems);
  return existsSync(defaultFile) ? read(defaultFile, defaultFile, problems) : new Map();
}

function read(file: string, source: string, problems: Problems): Section {
  let text: string;
  try {
    text = readTextFile(file, LARGEST_BYTES);
  } catch (error) {
    problems.addAbout(source, `cannot be read, ${readError(error)} (${file})`);
    return new Map();
  }
  try {
    const tree = readYaml(text);
    if (tree instanceof Map) return tree;
    if (tree !== null) problems.addAbout(file, "must be a section of keys (key: value)");
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    for (const message of error.messages) problems.addAbout(file, message);
  }
  return new Map();
}
