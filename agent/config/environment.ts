import { type Key, rootKey } from "./keys.ts";
import { nearestForVariable } from "./nearest.ts";
import { toAssignments } from "./set-options.ts";
import type { Assignment, Path } from "./tree.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "STREAMSEND_";

/**
 * What Kubernetes and Docker put into every container for a service whose name begins with "streamsend":
 * STREAMSEND_SERVICE_HOST, STREAMSEND_HTTP_PORT=tcp://..., STREAMSEND_PORT_9480_TCP_ADDR. Nobody here wrote
 * them, so they are no misspelt settings.
 */
const PLATFORM =
  /^STREAMSEND_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)$/;
const PLATFORM_URL = /^(?:tcp|udp|sctp):\/\//;

/** The settings in the environment, and the STREAMSEND_ variables that are none. Empty variables count as not set. */
export function fromEnvironment(environment: Environment): { assignments: Assignment[]; unknown: string[] } {
  const assignments: Assignment[] = [];
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || name === "STREAMSEND_CONFIG" || value === undefined || value === "")
      continue;
    const found = find(name.slice(PREFIX.length), rootKey, []);
    if (found !== undefined) assignments.push(...toAssignments(found.path, found.key, value));
    else if (!isFromPlatform(name, value)) unknown.push(name);
  }
  // A whole list before its items, and these in their order, however the environment is sorted.
  const inOrder = (a: Assignment, b: Assignment) => compare(a.path, b.path);
  return { assignments: assignments.sort(inOrder), unknown: unknown.sort() };
}

/** The variable of a key: its path in capitals, joined by `_`. */
export function variableName(path: Path): string {
  return PREFIX + path.join("_").toUpperCase();
}

/** What is wrong with a variable that is no setting. */
export function unknownVariable(name: string): string {
  return `unknown variable, did you mean ${variableName(nearestForVariable(name.slice(PREFIX.length)))}?`;
}

/** Keys have `_` in them too, so a name is matched against the keys, longest way first where several fit. */
function find(rest: string, key: Key, path: Path): { path: Path; key: Key } | undefined {
  if (key.kind === "section") {
    for (const [name, child] of key.keys) {
      const capitals = name.toUpperCase();
      if (rest === capitals) return { path: [...path, name], key: child };
      const found = rest.startsWith(`${capitals}_`)
        ? find(rest.slice(capitals.length + 1), child, [...path, name])
        : undefined;
      if (found !== undefined) return found;
    }
  }
  if (key.kind === "list") {
    const [, index, below] = /^(\d{1,4})(?:_(.+))?$/.exec(rest) ?? [];
    if (index === undefined) return undefined;
    const item = [...path, Number(index)];
    return below === undefined ? { path: item, key: key.item } : find(below, key.item, item);
  }
  if (key.kind === "options") {
    const name = rest.toLowerCase();
    // No librdkafka property has a capital or an underscore in its name; other names may have underscores.
    const property = path[0] === "kafka" ? name.replaceAll("_", ".") : name;
    return { path: [...path, property], key: { kind: "value", type: "text", secret: false } };
  }
  return undefined;
}

function isFromPlatform(name: string, value: string): boolean {
  return PLATFORM.test(name) || (name.endsWith("_PORT") && PLATFORM_URL.test(value));
}

function compare(a: Path, b: Path): number {
  for (const [index, step] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (step === other) continue;
    if (typeof step === "number" && typeof other === "number") return step - other;
    return String(step) < String(other) ? -1 : 1;
  }
  return a.length - b.length;
}
