import type { Environment } from "./environment.ts";
import { type Tree, Unresolved } from "./tree.ts";

const REFERENCE = /\$?\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g;

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is about this very notation
const MALFORMED = "has a ${ that is neither ${NAME} nor ${NAME:-default}; write $${ for a literal one";

/**
 * Replaces `${NAME}` and `${NAME:-default}` in a file's values; `$${` is a literal `${`. As in a shell, the
 * default also stands in for an empty variable. The names that were used are added to `used`.
 */
export function interpolate(tree: Tree, environment: Environment, used: Set<string>): Tree {
  if (typeof tree === "string") return interpolateText(tree, environment, used);
  if (Array.isArray(tree)) return tree.map((item) => interpolate(item, environment, used));
  if (tree instanceof Map) {
    return new Map([...tree].map(([key, value]) => [key, interpolate(value, environment, used)]));
  }
  return tree;
}

function interpolateText(text: string, environment: Environment, used: Set<string>): string | Unresolved {
  let problem: string | undefined;
  const result = text.replaceAll(REFERENCE, (reference, name?: string, fallback?: string) => {
    if (reference.startsWith("$$")) return reference.slice(1);
    if (name === undefined) {
      problem ??= MALFORMED;
      return "";
    }
    used.add(name);
    const value = environment[name];
    if (value !== undefined && (value !== "" || fallback === undefined)) return value;
    if (fallback === undefined) problem ??= `the environment variable ${name} is not set`;
    return fallback ?? "";
  });
  return problem === undefined ? result : new Unresolved(problem);
}
