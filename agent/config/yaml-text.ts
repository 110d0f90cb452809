import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, Scalar } from "yaml";
import { type Section, type Tree, Unresolved } from "./tree.ts";

/** Configurations are small; aliases of aliases of aliases are not. */
const MOST_NODES = 20_000;
const DEEPEST = 16;

/** Plain scalars that mean "as if the key were not there". */
const NULLS = ["", "~", "null", "Null", "NULL"];

/** The parser's message would repeat the text where it failed, which may be a secret. */
const MESSAGES: Readonly<Record<string, string>> = {
  ALIAS_PROPS: "an alias (*name) cannot have a tag or an anchor",
  BAD_ALIAS: "this is read as an alias or anchor; quote the value if it begins with * or &",
  BAD_COLLECTION_TYPE: "this tag does not fit what follows; quote the value if it begins with !",
  BAD_DIRECTIVE: "this is read as a directive; quote the value if it begins with %",
  BAD_DQ_ESCAPE: 'no such escape within "quotes"; use single quotes for text with backslashes',
  BAD_PROP_ORDER: "a tag or an anchor in the wrong place; quote the value if it begins with ! or &",
  DUPLICATE_KEY: "this key is here twice",
  MULTIPLE_DOCS: "there is a second document; one file is one configuration",
  NON_STRING_KEY: "a key has to be plain text",
  TAG_RESOLVE_FAILED: "this is read as a tag; quote the value if it begins with !",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is about this very notation
  UNEXPECTED_TOKEN: "something unexpected; quote values with special characters, also ${NAME} within { }",
};

/** The text is not the YAML that was expected; one message each, with line and column. */
export class YamlError extends Error {
  readonly messages: readonly string[];
  constructor(messages: readonly string[]) {
    super(messages.join("; "));
    this.messages = messages;
  }
}

/** Reads YAML 1.2 with every scalar as its text. @throws YamlError */
export function readYaml(text: string): Tree {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const document = parse(text, lines);
  const errors = [...document.errors, ...document.warnings];
  if (errors.length > 0) {
    throw new YamlError(
      errors.map(({ code, message, pos }) => `${at(pos[0])}: ${MESSAGES[code] ?? message}`),
    );
  }

  let nodes = 0;
  const toTree = (node: Node | null, depth: number): Tree => {
    const fail = (message: string) => new YamlError([`${at(node?.range?.[0] ?? 0)}: ${message}`]);
    if (++nodes > MOST_NODES) throw fail("too many values");
    if (depth > DEEPEST) throw fail("nested too deeply");
    if (node === null) return null;
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined) throw fail("there is no such anchor; quote the value if it begins with *");
      return toTree(target, depth + 1);
    }
    if (isScalar(node)) return scalarText(node);
    if (isSeq<Node | null>(node)) return node.items.map((item) => toTree(item, depth + 1));
    if (!isMap<Node, Node | null>(node)) throw fail("something unexpected");
    const section: Section = new Map();
    for (const { key, value } of node.items) {
      if (!isScalar(key)) throw fail("a key has to be plain text");
      section.set(String(key.value), toTree(value, depth + 1));
    }
    return section;
  };
  return toTree(document.contents, 0);
}

/** What a value is when its text could not be read: kept in place, so that a later source may replace it. */
export function readYamlOrProblem(text: string): Tree {
  try {
    return readYaml(text);
  } catch (error) {
    if (error instanceof YamlError) return new Unresolved(`is no valid YAML: ${error.message}`);
    throw error;
  }
}

function parse(text: string, lineCounter: LineCounter) {
  try {
    return parseDocument(text, {
      version: "1.2",
      schema: "failsafe",
      uniqueKeys: true,
      stringKeys: true,
      prettyErrors: false,
      logLevel: "error",
      lineCounter,
    });
  } catch (error) {
    // The parser recurses: a hundred thousand brackets exhaust the stack.
    if (error instanceof RangeError) throw new YamlError(["nested too deeply"]);
    throw error;
  }
}

function scalarText(node: Scalar): string | null {
  const text = String(node.value ?? "");
  return node.type === Scalar.PLAIN && NULLS.includes(text) ? null : text;
}
