/** What `send` is told on the command line, looked into. */
import { NAME_PATTERN } from "../config/schema.ts";
import {
  type Attributes,
  attributeNameRule,
  fitsAttributes,
  fitsAttributeValue,
} from "../wire/attributes.ts";
import { limits } from "../wire/limits.ts";
import { pathProblem, pathToText } from "../wire/path.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import type { SendOptions } from "./send.ts";

/** Throws a `UsageError`. @param name of the settings: what files arrive under unless `--as` says otherwise */
export function sendOptions(
  { operands, flags, values }: Arguments,
  name: string,
): Omit<SendOptions, "print"> {
  const last = (option: "as" | "under" | "wait") => values.get(option)?.at(-1);
  const { as = name, under = "", wait } = { as: last("as"), under: last("under"), wait: last("wait") };
  if (operands.length === 0) throw wrong("send needs a PATH");
  if (operands.includes("")) throw wrong("a PATH is empty");
  if (!NAME_PATTERN.test(as))
    throw wrong(`--as must be letters, digits, . _ -, a letter or digit first: ${JSON.stringify(as)}`);
  if (wait !== undefined && (wait.length < 1 || wait.length > limits.group))
    throw wrong(`--wait must be a group's name of 1 to ${limits.group} characters`);
  const folder = under.replace(/\/+$/, "");
  const problem = folder === "" ? undefined : pathProblem(pathToText(Buffer.from(folder)));
  if (problem !== undefined) throw wrong(`--under ${JSON.stringify(under)} ${problem}`);
  const attributes = attributesOf(values.get("attribute") ?? []);
  const told = { quiet: flags.has("quiet"), json: flags.has("json") };
  return { paths: operands, as, under: folder, attributes, wait, ...told };
}

function attributesOf(pairs: readonly string[]): Attributes {
  const attributes: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    const key = pair.slice(0, Math.max(0, at));
    const value = pair.slice(at + 1);
    if (!attributeNameRule.test(key))
      throw wrong(`--attribute needs KEY=VALUE, KEY of a-z, 0-9, . _ -: ${JSON.stringify(pair)}`);
    if (!fitsAttributeValue(value))
      throw wrong(`--attribute ${key}: more than ${limits.attributeValue} bytes`);
    attributes[key] = value;
  }
  if (Object.keys(attributes).length > limits.attributes)
    throw wrong(`--attribute: more than ${limits.attributes} pairs`);
  if (!fitsAttributes(attributes)) throw wrong("--attribute: the pairs are too long together");
  return attributes;
}

function wrong(message: string): UsageError {
  return new UsageError(message, "send");
}
