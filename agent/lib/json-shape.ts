/**
 * What parsed JSON has to look like. A `Shape` gives the value back, objects without the fields that it does not know,
 * and throws at anything else: for data of other agents or of an earlier run, where all that counts is whether it is
 * good. Written by hand, as the ledger has hundreds of thousands of entries to read before the work begins.
 */

export type Shape<Value> = (value: unknown) => Value;
export type Shaped<AShape> = AShape extends Shape<infer Value> ? Value : never;

/** The value is of another shape. */
export class ShapeError extends Error {}

export const text: Shape<string> = (value) => (typeof value === "string" ? value : refuse());

/** Of so many characters at most. */
export function textUpTo(most: number): Shape<string> {
  return (value) => (typeof value === "string" && value.length <= most ? value : refuse());
}

export const count: Shape<number> = (value) =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : refuse();

export function textLike(pattern: RegExp): Shape<string> {
  return textThat((value) => pattern.test(value));
}

export function textThat(isGood: (value: string) => boolean): Shape<string> {
  return (value) => (typeof value === "string" && isGood(value) ? value : refuse());
}

export function oneOf<const Value extends string | number | boolean>(
  ...values: readonly Value[]
): Shape<Value> {
  return (value) => (values.includes(value as Value) ? (value as Value) : refuse());
}

export function countUpTo(most: number): Shape<number> {
  return (value) => (count(value) <= most ? (value as number) : refuse());
}

export function list<Value>(item: Shape<Value>, most = Number.POSITIVE_INFINITY): Shape<Value[]> {
  return (value) =>
    Array.isArray(value) && value.length <= most ? value.map((inner) => item(inner)) : refuse();
}

export function pair<Value>(item: Shape<Value>): Shape<[Value, Value]> {
  return (value) =>
    Array.isArray(value) && value.length === 2 ? [item(value[0]), item(value[1])] : refuse();
}

/** An object whose keys are free, as far as `isKey` allows. */
export function mapOf<Value>(
  item: Shape<Value>,
  isKey: (key: string) => boolean = () => true,
  most = Number.POSITIVE_INFINITY,
): Shape<Record<string, Value>> {
  return (value) => {
    const given = asObject(value);
    // Before a list is made of them: that takes some hundred bytes each.
    if (!hasUpTo(most, given)) return refuse();
    const entries = Object.entries(given);
    if (!entries.every(([key]) => isKey(key))) return refuse();
    return Object.fromEntries(entries.map(([key, inner]) => [key, item(inner)]));
  };
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Needed<F extends Fields> = { -readonly [Key in keyof F]: Shaped<F[Key]> };
type Optional<F extends Fields> = { -readonly [Key in keyof F]?: Shaped<F[Key]> | undefined };

/** An object with these fields, of which the optional ones may be missing. */
export function fields<N extends Fields, O extends Fields = Record<never, never>>(
  needed: N,
  optional?: O,
): Shape<Needed<N> & Optional<O>> {
  const neededFields = Object.entries(needed);
  const optionalFields = Object.entries(optional ?? {});
  return (value) => {
    const given = asObject(value);
    const result: Record<string, unknown> = {};
    for (const [name, shape] of neededFields) result[name] = shape(given[name]);
    for (const [name, shape] of optionalFields) {
      const inner = given[name];
      if (inner !== undefined) result[name] = shape(inner);
    }
    return result as Needed<N> & Optional<O>;
  };
}

function hasUpTo(most: number, object: object): boolean {
  let left = most;
  for (const _ in object) if (left-- === 0) return false;
  return true;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse();
  return value as Readonly<Record<string, unknown>>;
}

function refuse(): never {
  throw new ShapeError("is of another shape");
}
