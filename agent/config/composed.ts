/** Kinds that are made of other kinds. */
import { type JsonSchema, Kind, type ValueOf } from "./kind.ts";

type Keys = Readonly<Record<string, Kind<unknown>>>;
type Values<K extends Keys> = { readonly [Name in keyof K]: ValueOf<K[Name]> };

/** Keys that are known by name. Unknown ones have been reported and left out before (typed.ts). */
export function section<K extends Keys>(keys: K): Kind<Values<K>> {
  const entries = Object.entries(keys);
  const required = entries.filter(([, kind]) => kind.isRequired).map(([name]) => name);
  return new Kind<Values<K>>({
    json: {
      type: "object",
      properties: Object.fromEntries(entries.map(([name, kind]) => [name, kind.json])),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
    },
    missing: "required",
    read(given, path, report) {
      const values = asObject(given);
      if (values === undefined) {
        report(path, "must be a section of keys");
        return undefined;
      }
      const read = entries.map(([name, kind]) => [name, kind.read(values[name], [...path, name], report)]);
      return withoutUndefined(read) as Values<K>;
    },
    write: (values) => withoutUndefined(entries.map(([name, kind]) => [name, kind.write(values[name])])),
  });
}

export function list<Item>(item: Kind<Item>, atLeastOne?: string): Kind<readonly Item[]> {
  const all = new Kind<readonly Item[]>({
    json: { type: "array", items: item.json },
    missing: "required",
    read(given, path, report) {
      if (Array.isArray(given)) {
        // One that is wrong is reported, and then nothing of this is used.
        return given.map((inner: unknown, index) => item.read(inner, [...path, index], report) as Item);
      }
      report(path, "must be a list");
      return undefined;
    },
    write: (items) => items.map((inner) => item.write(inner)),
  });
  if (atLeastOne === undefined) return all;
  return all.check((items) => items.length > 0, atLeastOne, { minItems: 1 });
}

/** Any keys whose names match, with one kind of value. */
export function anyKeys<Value>(
  names: RegExp,
  wrongName: string,
  value: Kind<Value>,
): Kind<Readonly<Record<string, Value>>> {
  return new Kind<Readonly<Record<string, Value>>>({
    json: {
      type: "object",
      propertyNames: { type: "string", pattern: names.source },
      additionalProperties: value.json,
    },
    missing: "required",
    read(given, path, report) {
      const entries = Object.entries(asObject(given) ?? {}).map(([name, inner]) => {
        if (!names.test(name)) report([...path, name], wrongName);
        return [name, value.read(inner, [...path, name], report)];
      });
      return Object.fromEntries(entries) as Record<string, Value>;
    },
    write: (values) =>
      Object.fromEntries(Object.entries(values).map(([name, inner]) => [name, value.write(inner)])),
  });
}

/** One word that stands for one value, or else another kind. @param lead what messages say before the other kind */
export function orWord<const Word extends string, Instead, Value>(
  word: Word,
  instead: Instead,
  other: Kind<Value>,
  lead = "",
): Kind<Instead | Value> {
  const others = (other.json.anyOf as readonly JsonSchema[] | undefined) ?? [other.json];
  return new Kind<Instead | Value>({
    json: { anyOf: [{ type: "string", const: word }, ...others] },
    missing: "required",
    read: (given, path, report) =>
      given === word
        ? instead
        : other.read(given, path, (at, message, shown) =>
            report(at, message.replace(/^must be /, `must be ${lead}`), shown),
          ),
    write: (value) => (value === instead ? word : other.write(value as Value)),
  });
}

function asObject(given: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
  return given as Readonly<Record<string, unknown>>;
}

function withoutUndefined(entries: readonly (readonly unknown[])[]): object {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
