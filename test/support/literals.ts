/** A TypeScript source's string and template literals, and its code without them; read as far as looking for texts needs. */
export interface Literal {
  /** Where it stands in the source: its first character, and the one after its last. */
  begin: number;
  end: number;
  /** Its text, with `...` for each placeholder. */
  text: string;
}

export interface Source {
  /** Of the same length; comments and literals are blank, but what is in placeholders is not. */
  code: string;
  literals: Literal[];
}

const regularExpression =
  /(?<=(?:^|[(,=:[!&|?{};]|\breturn)\s*)\/(?![/*])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const quoted = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y;

export function literalsOf(source: string): Source {
  const reader = new Reader(source);
  reader.readCode(0);
  return { code: reader.code, literals: reader.literals.sort((one, other) => one.begin - other.begin) };
}

class Reader {
  readonly literals: Literal[] = [];
  readonly #source: string;
  code: string;

  constructor(source: string) {
    this.#source = source;
    this.code = source;
  }

  /** Until the source or the placeholder ends; gives where. */
  readCode(begin: number): number {
    let depth = 0;
    for (let at = begin; at < this.#source.length; at++) {
      const c = this.#source.charAt(at);
      const blank = this.#match(comment, at) ?? this.#match(regularExpression, at);
      const text = this.#match(quoted, at);
      if (c === "`") at = this.#readTemplate(at) - 1;
      else if (blank !== undefined) at = this.#blank(at, at + blank.length) - 1;
      else if (text !== undefined) {
        this.literals.push({ begin: at, end: at + text.length, text: withoutEscapes(text.slice(1, -1)) });
        at = this.#blank(at, at + text.length) - 1;
      } else if (c === "{") depth++;
      else if (c === "}" && depth-- === 0) return at;
    }
    return this.#source.length;
  }

  /** Gives where it has ended. */
  #readTemplate(begin: number): number {
    let text = "";
    let from = begin + 1;
    for (let at = from; at < this.#source.length; at++) {
      const c = this.#source.charAt(at);
      if (c === "\\") at++;
      else if (c === "`") {
        text += withoutEscapes(this.#source.slice(from, at));
        this.literals.push({ begin, end: at + 1, text });
        this.#blank(from - 1, at + 1);
        return at + 1;
      } else if (c === "$" && this.#source[at + 1] === "{") {
        text += `${withoutEscapes(this.#source.slice(from, at))}...`;
        this.#blank(from - 1, at + 2);
        at = this.readCode(at + 2);
        from = at + 1;
      }
    }
    throw new Error("a template without end");
  }

  #match(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at;
    return pattern.exec(this.#source)?.[0];
  }

  #blank(begin: number, end: number): number {
    const blank = this.#source.slice(begin, end).replace(/[^\n]/g, " ");
    this.code = this.code.slice(0, begin) + blank + this.code.slice(end);
    return end;
  }
}

function withoutEscapes(text: string): string {
  return text.replace(/\\(.)/g, "$1");
}
