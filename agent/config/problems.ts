import { dotted } from "./keys.ts";
import { isSecret } from "./mask.ts";
import type { Path } from "./tree.ts";

/** Everything that is wrong with a configuration, one line each; exit code 2. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Problems found so far. The first one at a key is the cause, later ones would only repeat it. */
export class Problems {
  readonly #lines: string[] = [];
  readonly #keys = new Set<string>();

  /** A problem of no key of the configuration: a file, a variable, an option. */
  addAbout(subject: string, message: string): void {
    this.#lines.push(oneLine(`${subject}: ${message}`));
  }

  /** @param given what was given, shown behind the message unless it could be a secret */
  add(path: Path, message: string, given?: unknown): void {
    if (this.hasAt(path)) return;
    this.#keys.add(dotted(path));
    const shown = given === undefined || isSecret(path) ? "" : show(given);
    this.#lines.push(oneLine(`${dotted(shownPath(path))}: ${message}${shown === "" ? "" : ` (${shown})`}`));
  }

  /** Whether there is a problem at this key, in what is below it, or in the section it is in. */
  hasAt(path: Path): boolean {
    const key = dotted(path);
    for (const other of this.#keys) {
      if (other === key || other.startsWith(`${key}.`) || key.startsWith(`${other}.`)) return true;
    }
    return false;
  }

  get lines(): readonly string[] {
    return [...new Set(this.#lines)];
  }
}

/** An item of a plain list is shown by its value, so the list's name is enough: `kafka.brokers: ...`. */
function shownPath(path: Path): Path {
  return typeof path.at(-1) === "number" ? path.slice(0, -1) : path;
}

function show(given: unknown): string {
  if (typeof given !== "string" && typeof given !== "number" && typeof given !== "boolean") return "";
  const text = withoutCredentials(String(given));
  if (text === "") return "empty";
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** `user:password@host` is no form that a broker's address or a URL here may have, but people try it. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/[^\s/@,]*:[^\s@]*@/g, "***@");
}

/** A problem is one line, whatever was put into a key or a value. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escaping them is the point
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
