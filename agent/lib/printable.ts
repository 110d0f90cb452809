/**
 * Text from outside as it may be shown: what moves the cursor, changes the direction of a line, or is not seen at all is written as
 * an escape. A file's name is not to play with the terminal, the log or the page of whoever looks.
 */

/** Most of what is ever shown. */
const plain = /^[\x20-\x7e]*$/;
/** All that is no character to be seen but a command to who shows it (Unicode's Cc, Cf, Cs, Zl, Zp); the two joiners belong to emoji and to some scripts. */
const commands = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One line: `\x0a` for a control character of ASCII, `\u202e` for the others, `\u{e0001}` beyond four digits. */
export function printable(text: string): string {
  return plain.test(text) ? text : text.replace(commands, (c) => escapedCode(c.codePointAt(0) ?? 0));
}

/** Several lines, each printable. */
export function printableLines(text: string): string {
  return withoutCommands(text, escapedCode);
}

/** Several lines, with an escape of another language. @param escaped what stands for a code point */
export function withoutCommands(text: string, escaped: (code: number) => string): string {
  return text.replace(commands, (c) => (c === "\n" ? c : escaped(c.codePointAt(0) ?? 0)));
}

/** JSON text of the same value, with what is not printable as JSON's own escapes. */
export function printableJson(json: string): string {
  if (plain.test(json)) return json;
  const unit = (c: string, at: number) => `\\u${c.charCodeAt(at).toString(16).padStart(4, "0")}`;
  return json.replace(commands, (c) => (c.length === 1 ? unit(c, 0) : unit(c, 0) + unit(c, 1)));
}

function escapedCode(code: number): string {
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, "0")}`;
  return code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
}
