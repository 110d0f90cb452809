/** What `/api/files` is asked for: all of it is understood, or none. */

import type { FileQuestion } from "../ledger/find/file-search.ts";
import type { FileState } from "../ledger/find/file-state.ts";

const states: readonly FileState[] = ["sending", "sent", "delivered", "needed", "failed", "gone"];
const usualLimit = 100;
const highestLimit = 1000;
/** Characters; a path has fewer. */
const longestText = 5000;

/** @param query `q=a%20part&state=failed&limit=10`. Returns what is not understood when it is a text. */
export function questionOf(query: string): FileQuestion | string {
  const given = new Map<string, string>();
  for (const part of query.split("&")) {
    if (part === "") continue;
    const [name = "", value] = part.split(/=(.*)/s, 2).map(decoded);
    if (name === undefined || value === undefined) return "the query is not NAME=VALUE, percent-encoded";
    if (given.has(name)) return "the query has a name twice";
    given.set(name, value);
  }
  for (const name of given.keys())
    if (!["q", "state", "limit"].includes(name)) return "the query may have q, state and limit";
  const text = given.get("q") ?? "";
  if (text.length > longestText) return `q: ${longestText} characters at most`;
  const state = given.get("state") || undefined;
  if (state !== undefined && !isState(state)) return `state: one of ${states.join(", ")}`;
  const limit = given.get("limit") ?? String(usualLimit);
  if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > highestLimit) return `limit: 1 to ${highestLimit}`;
  return { text, state, limit: Number(limit) };
}

function isState(text: string): text is FileState {
  return (states as readonly string[]).includes(text);
}

/** undefined: it is not UTF-8, percent-encoded. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
