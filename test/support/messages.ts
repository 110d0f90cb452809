/**
 * The messages that a person can meet, as the source has them: what the log says at warn and above, what ends a run, and why
 * /readyz is not ready. Found by reading the source as text: calls of functions that take such a message, and the literals in
 * that argument.
 */
import { Glob } from "bun";
import { type Literal, literalsOf } from "./literals.ts";

export interface Message {
  /** `agent/uploader/discover/scan.ts:54`. */
  where: string;
  /** With `...` for each placeholder. */
  text: string;
}

export interface Found {
  messages: Message[];
  /** Calls that only pass on what somebody else says: `agent/lib/retry.ts:62: log.warn`. */
  passedOn: string[];
}

/** Where messages begin, and which argument of a call they are; "body": all that a function returns. */
interface Teller {
  call: RegExp;
  argument: number | "body";
  /** It has to be followed up who passes on what was said elsewhere. */
  isStrict?: boolean;
}

const tellers: readonly Teller[] = [
  { call: /\blog\.(?:warn|error)\(/gi, argument: 0, isStrict: true },
  { call: /\bwarnings\.(?:warn|error)\(/gi, argument: 1, isStrict: true },
  {
    call: /\bnew (?:Agent|Configuration|Unstorable|Unreadable|Changed)Error\(/g,
    argument: 0,
    isStrict: true,
  },
  { call: /\blines\.say\(/gi, argument: 2, isStrict: true },
  { call: /\blog\[[\w.]+\]\(/gi, argument: 0, isStrict: true },
  { call: /\bnew KafkaError\(/g, argument: 2, isStrict: true },
  { call: /\bsuper\(/g, argument: 0 },
  { call: /#fail\(/g, argument: 1 },
  { call: /\bsetting\(/g, argument: 2 },
  { call: /\btroubles\.begin\(/g, argument: 1 },
  { call: /\breason: /g, argument: 0 },
  { call: /\breasons\.push\(/g, argument: 0 },
  { call: /\.phase = /g, argument: 0 },
  { call: /\b(?:notReady|reasons)\(\): [^;{]*\{/g, argument: "body" },
];

/**
 * What needs no row: it says by itself which setting or argument is wrong, and what to do; or it is only ever a part of another
 * message; or of the tests' own executable.
 */
const isWithoutRows =
  /^agent\/(?:config|doctor|wire|kafka\/error-texts|commands\/(?:arguments|since)|lib\/crash-points)\b/;
/** Where every text of four words and more is a message, or its reason. */
const isAllMessages =
  /^agent\/(?:kafka\/(?:errors|connection\/tls-look|connection\/client-watch|unacknowledged)|downloader\/publish\/output-path)\.ts$/;
const root = new URL("../..", import.meta.url).pathname;

export async function findMessages(): Promise<Found> {
  const found: Found = { messages: [], passedOn: [] };
  for (const path of [...new Glob("agent/**/*.ts").scanSync(root)].sort()) {
    if (isWithoutRows.test(path)) continue;
    const { messages, passedOn } = messagesIn(path, await Bun.file(`${root}${path}`).text());
    found.messages.push(...messages);
    found.passedOn.push(...passedOn);
  }
  return found;
}

export function messagesIn(path: string, source: string): Found {
  const found: Found = { messages: [], passedOn: [] };
  const { code, literals } = literalsOf(source);
  if (isAllMessages.test(path)) {
    for (const { text, begin } of literals.filter((literal) => /(?:[a-z']+ ){3}/i.test(literal.text)))
      found.messages.push({ where: `${path}:${source.slice(0, begin).split("\n").length}`, text });
    return found;
  }
  for (const { call, argument, isStrict } of tellers) {
    for (const match of code.matchAll(call)) {
      const begin = match.index + match[0].length;
      const [from, to] =
        argument === "body" ? [begin, endOfBody(code, begin)] : argumentAt(code, begin, argument);
      const where = `${path}:${source.slice(0, match.index).split("\n").length}`;
      const texts = textsIn(code, literals, from, to);
      for (const text of texts) found.messages.push({ where, text });
      if (texts.length === 0 && isStrict)
        found.passedOn.push(`${path}: ${source.slice(match.index, to).trim()}`);
    }
  }
  return found;
}

/** Where in the code an argument begins and ends. */
function argumentAt(code: string, begin: number, wanted: number): [number, number] {
  let depth = 0;
  let from = begin;
  let index = 0;
  for (let at = begin; at < code.length; at++) {
    const c = code.charAt(at);
    if ("([{".includes(c)) depth++;
    const ends = depth === 0 && (")]},;".includes(c) || (c === "\n" && code.slice(from, at).trim() !== ""));
    if (")]}".includes(c)) depth--;
    if (!ends || (c === "\n" && /^\s*[?:.+|&]/.test(code.slice(at)))) continue;
    if (c !== "," || index === wanted) return index === wanted ? [from, at] : [at, at];
    index++;
    from = at + 1;
  }
  return [from, code.length];
}

/** What the literals of an expression say, and those of the variables in it that are named for being part of a message. */
function textsIn(code: string, literals: readonly Literal[], from: number, to: number): string[] {
  const within = (begin: number, end: number) =>
    literals.filter((literal) => literal.begin >= begin && literal.end <= end);
  const own = within(from, to);
  const outer = own.filter((one) => !own.some(({ begin, end }) => begin < one.begin && one.end < end));
  const names = [
    ...code.slice(from, to).matchAll(/\b(?:what|why|reason|problem|message|line)\b(?! *[:.(])/g),
  ];
  const passedOn = names.flatMap(([name]) => {
    const declared = code.slice(0, from).lastIndexOf(`const ${name} =`);
    const texts = declared < 0 ? [] : within(declared, code.indexOf(";", declared));
    // "a file" is the name of something in it, not what is said of it.
    return texts.filter(({ text }) => /\w\W+\w/.test(text) && !/^an? \w+( \w+)?$/.test(text));
  });
  const said = [...outer, ...passedOn].map(({ text }) => text).filter(saysSomething);
  return said.length > 0 ? said : own.map(({ text }) => text).filter(saysSomething);
}

/** More than a short word between placeholders: "...: ..." says nothing of its own. */
function saysSomething(text: string): boolean {
  return /[A-Za-z']{4}\W|[A-Za-z']{2,}\W+[A-Za-z']{2}/.test(text);
}

function endOfBody(code: string, begin: number): number {
  let depth = 1;
  let at = begin;
  for (; depth > 0 && at < code.length; at++) {
    if (code[at] === "{") depth++;
    if (code[at] === "}") depth--;
  }
  return at;
}

/** A row of the table in docs/operations.md: what it holds for. */
export function isAbout(pattern: string, text: string): boolean {
  let at = 0;
  for (const part of pattern.split("...").map((piece) => piece.trim())) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

/** The messages that the table has a row for, in their order: what stands in backticks in the first column. */
export function tableOfMessages(document: string): string[] {
  const [, section = ""] = /^## Messages\n([\s\S]*?)(?=^## )/m.exec(`${document}\n## `) ?? [];
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...(line.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text));
}
