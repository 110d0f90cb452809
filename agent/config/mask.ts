import { keyAt } from "./keys.ts";
import type { Path } from "./tree.ts";

/** librdkafka's own secrets, those of plugins, and what is likely to be one in a later version. */
const SECRET_OPTION =
  /passw|passphrase|secret|jaas|token|credential|private|key\.pem|assertion|oauthbearer\.config/;
/** Where a secret is, or comes from, is none. */
const PLACE = /\.(url|file|location|path|method|algorithm)$/;

/** Whether a value at this path must never be shown. */
export function isSecret(path: Path): boolean {
  if (path[0] === "kafka" && path[1] === "options" && path.length > 2) {
    const name = path.slice(2).join(".").toLowerCase();
    return SECRET_OPTION.test(name) && !PLACE.test(name);
  }
  const key = keyAt(path);
  return key?.kind === "value" && key.secret;
}

/** The secret keys that have a `_file` twin (that of a secret called `value` is `file`): the twin's path. */
export function twinOf(path: Path): Path | undefined {
  const last = path.at(-1);
  if (typeof last !== "string" || path[1] === "options") return undefined;
  const parent = path.slice(0, -1);
  if (isSecret(path)) return [...parent, last === "value" ? "file" : `${last}_file`];
  const bare = last === "file" ? "value" : /^(.+)_file$/.exec(last)?.[1];
  return bare !== undefined && isSecret([...parent, bare]) ? [...parent, bare] : undefined;
}
