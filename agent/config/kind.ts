/**
 * A kind of value: how it is read from the file's words, written in them, and described in the JSON Schema. By hand,
 * as a library for it costs the running agent 5 to 10 MB, and all its messages would have to be our own anyway.
 */
import type { Path } from "./tree.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** @param given what was given, where it may be shown */
export type Report = (path: Path, message: string, given?: unknown) => void;

/** What a kind is made of. */
export interface Form<Value> {
  readonly json: JsonSchema;
  /** What is wrong when nothing is given; null: nothing. */
  readonly missing: string | null;
  /** Reports what is wrong; what is returned is of no use then, and undefined unless a part of it is good. */
  read(given: unknown, path: Path, report: Report): Value | undefined;
  write(value: Value): unknown;
}

export type ValueOf<AKind> = AKind extends Kind<infer Value> ? Value : never;

export class Kind<Value> {
  readonly #form: Form<Value>;

  constructor(form: Form<Value>) {
    this.#form = form;
  }

  get json(): JsonSchema {
    return this.#form.json;
  }

  get isRequired(): boolean {
    return this.#form.missing !== null;
  }

  read(given: unknown, path: Path, report: Report): Value | undefined {
    const { missing } = this.#form;
    if (given !== undefined || missing === null) return this.#form.read(given, path, report);
    report(path, missing);
    return undefined;
  }

  write(value: Value): unknown {
    return this.#form.write(value);
  }

  describe(description: string): Kind<Value> {
    return new Kind({ ...this.#form, json: { description, ...this.json } });
  }

  optional(): Kind<Value | undefined> {
    return new Kind<Value | undefined>({
      json: this.json,
      missing: null,
      read: (given, path, report) => (given === undefined ? undefined : this.read(given, path, report)),
      write: (value) => (value === undefined ? undefined : this.write(value)),
    });
  }

  /** @param words the default, in the file's words */
  default(words: unknown): Kind<Value> {
    return new Kind({
      ...this.#form,
      json: { default: words, ...this.json },
      missing: null,
      read: (given, path, report) => this.read(given === undefined ? words : given, path, report),
    });
  }

  /** @param json what the JSON Schema says of it */
  check(holds: (value: Value) => boolean, message: string, json: JsonSchema = {}): Kind<Value> {
    return new Kind({
      ...this.#form,
      json: { ...this.json, ...json },
      read: (given, path, report) => {
        const value = this.read(given, path, report);
        if (value === undefined || holds(value)) return value;
        report(path, message, given);
        return undefined;
      },
    });
  }
}
