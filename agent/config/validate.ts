import type { z } from "zod";
import { dotted } from "./keys.ts";
import type { Problems } from "./problems.ts";
import { type Settings, schema } from "./schema.ts";
import type { Path } from "./tree.ts";

/**
 * Applies the schema. A wrong value is reported and its default takes its place, so that everything else can be
 * checked in the same run: what is returned is only good to use when there were no problems.
 */
export function validate(typed: unknown, problems: Problems): Settings | undefined {
  let values = typed;
  // Each round takes wrong values out; more than two rounds are not to be expected.
  for (let round = 0; round < 10; round++) {
    const result = schema.safeParse(values);
    if (result.success) return result.data;
    const { issues } = result.error;
    for (const issue of issues) report(issue, values, problems);
    // From the end, so that a list's item that is taken out does not move the ones that are still to come.
    values = issues.reduceRight((rest, issue) => without(rest, issue.path as Path), values);
  }
  return undefined;
}

function report(issue: z.core.$ZodIssue, values: unknown, problems: Problems): void {
  const path = issue.path as Path;
  if (issue.code === "invalid_key") problems.add(path, issue.issues[0]?.message ?? issue.message);
  else problems.add(path, issue.message, valueAt(values, path));
}

function valueAt(values: unknown, path: Path): unknown {
  let here = values;
  for (const step of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, step)) return undefined;
    here = Reflect.get(here, step);
  }
  return here;
}

/** What has no default: the role, a watch's path. A stand-in lets the rest be checked. */
function standInFor(path: Path): string | undefined {
  if (dotted(path) === "role") return "uploader";
  return /^uploader\.watch\.\d+\.path$/.test(dotted(path)) ? "/dev/null" : undefined;
}

/** A copy without the value at the path, so that its default takes its place. */
function without(values: unknown, path: Path, above: Path = []): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof values !== "object" || values === null) return undefined;
  const here = [...above, step];
  const standIn = rest.length === 0 ? standInFor(here) : undefined;
  if (standIn !== undefined) return { ...values, [step]: standIn };
  if (Array.isArray(values)) {
    const items = values.map((item, index) => (index === step ? without(item, rest, here) : item));
    return items.filter((item) => item !== undefined);
  }
  if (!Object.hasOwn(values, step)) return undefined;
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    name === step ? without(value, rest, here) : value,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
