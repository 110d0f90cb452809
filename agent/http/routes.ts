/**
 * What the agent answers over HTTP. Everything but `/api/files` comes from memory: a disk or a broker that hangs must not keep anybody
 * from finding that out.
 */

import { type FileSearch, longestWaitMs } from "../ledger/find/file-search.ts";
import { AgentError } from "../lib/errors.ts";
import { printableJson } from "../lib/printable.ts";
import type { History } from "../observe/history.ts";
import type { Observer } from "../observe/observer.ts";
import { carriesToken, challenge, isRebound } from "./access.ts";
import { questionOf } from "./file-question.ts";
import { statusPage, statusPagePolicy } from "./page/status-page.ts";
import { eventsIdleSeconds, type StatusEvents } from "./status-events.ts";

export interface AnswerOptions {
  observer: Observer;
  history: History;
  events: StatusEvents;
  search: FileSearch;
  /** What is listened on. */
  host: string;
  /** undefined: everybody may ask. */
  token: string | undefined;
  /** Lets the request's connection be silent for longer than others. */
  stayOpen(seconds: number): void;
}

/** What of a request plays a part; all of it is a stranger's. */
type Question = Pick<Request, "url" | "method" | "headers">;

type Answer = (options: AnswerOptions, request: Question) => Response | Promise<Response>;

const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ["/readyz", ({ observer }) => readiness(observer)],
  ["/metrics", ({ observer }) => metrics(observer)],
  ["/api/status", ({ observer }) => json(observer.report(), 200)],
  ["/api/files", files],
  ["/api/history", ({ history }) => json({ rows: history.rows() }, 200)],
  ["/api/events", liveStatus],
  ["/", () => new Response(statusPage, { headers: pageHeaders })],
]);

/** Never throws. */
export async function answer(options: AnswerOptions, request: Question): Promise<Response> {
  const path = pathOf(request.url);
  const response = await (path === "/healthz"
    ? readOnly(request, () => text("ok", 200))
    : guarded(options, path, request));
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

function guarded(options: AnswerOptions, path: string, request: Question): Response | Promise<Response> {
  const { host, token } = options;
  if (token === undefined) {
    if (isRebound(host, request.headers.get("host")))
      return text("this is not the host that was asked for", 421);
  } else if (!carriesToken(request.headers.get("authorization"), token)) {
    return text("the token (http.token) is asked for", 401, { "WWW-Authenticate": challenge });
  }
  const find = answers.get(path);
  if (find === undefined) return text("there is nothing here", 404);
  return readOnly(request, () => find(options, request));
}

function readOnly(request: Question, find: () => Response | Promise<Response>): Response | Promise<Response> {
  if (request.method === "GET" || request.method === "HEAD") return find();
  return text("only GET", 405, { Allow: "GET, HEAD" });
}

function readiness(observer: Observer): Response {
  const reasons = observer.notReady();
  const ready = reasons.length === 0;
  const waits = observer.waits();
  return json({ ready, reasons, ...(waits.length > 0 ? { waits } : {}) }, ready ? 200 : 503);
}

async function metrics({ metrics }: Observer): Promise<Response> {
  return new Response(await metrics.text(), { headers: { "Content-Type": metrics.contentType } });
}

async function files({ search, stayOpen }: AnswerOptions, { url }: Question): Promise<Response> {
  const question = questionOf(queryOf(url));
  if (typeof question === "string") return json({ error: question }, 400);
  stayOpen(longestWaitMs / 1000 + 5);
  try {
    return json(await search.find(question), 200);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return json({ error: error.message }, 503, { "Retry-After": "5" });
  }
}

function liveStatus({ events, stayOpen }: AnswerOptions, { method }: Question): Response {
  const headers = { "Content-Type": "text/event-stream" };
  if (method === "HEAD") return new Response(null, { headers });
  const stream = events.open();
  if (!stream) return text("too many are listening", 503, { "Retry-After": "10" });
  stayOpen(eventsIdleSeconds);
  return new Response(stream, { headers });
}

/** The status, as events have it. */
export function statusLine(observer: Observer): string {
  return printableJson(JSON.stringify(observer.report()));
}

function json(value: unknown, status: number, headers: Record<string, string> = {}): Response {
  return new Response(`${printableJson(JSON.stringify(value))}\n`, {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });
}

function text(line: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(`${line}\n`, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", ...headers },
  });
}

const pageHeaders = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": statusPagePolicy,
  "Referrer-Policy": "no-referrer",
};

/** By hand: what a stranger sends as host and path need not be a URL. */
function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/?#]*/, "").replace(/[?#].*$/s, "");
}

function queryOf(url: string): string {
  return /\?([^#]*)/.exec(url)?.[1] ?? "";
}
