/** A status report as text for a terminal. */

import { count, fields, list, type Shape, type Shaped, ShapeError, text } from "../lib/json-shape.ts";
import { printable } from "../lib/printable.ts";
import { LocalTime } from "../observe/local-time.ts";

const yesOrNo: Shape<boolean> = (value) => value === true;
const listOf = <Item>(item: Shape<Item>) => fields({ count, items: list(item) });
const done: Shape<Shaped<typeof doneFields> | undefined> = (value) =>
  value == null ? undefined : doneFields(value);
const success: Shape<Shaped<typeof successFields> | undefined> = (value) =>
  value === null ? undefined : successFields(value);
const successFields = fields({ path: text, time: text });
const doneFields = fields({ count, last: success });

const report = fields(
  {
    role: text,
    name: text,
    version: text,
    host: text,
    since: text,
    ready: yesOrNo,
    reasons: list(text),
    kafkaConnected: yesOrNo,
    waiting: count,
    delivered: doneFields,
    moving: listOf(fields({ path: text, bytes: count, size: count })),
    needed: listOf(fields({ path: text, bytes: count })),
    parked: listOf(fields({ path: text, reason: text })),
    failed: listOf(fields({ path: text, reason: text, time: text })),
  },
  { sent: done, lag: count },
);

/** What an agent says of itself, for people, and the one thing that scripts ask for. */
export interface StatusText {
  readonly text: string;
  readonly ready: boolean;
}

/** The answer of /api/status, made readable; undefined when it is none. */
export function formatStatus(body: string): StatusText | undefined {
  try {
    const status = report(JSON.parse(body));
    return { text: format(status), ready: status.ready };
  } catch (error) {
    if (error instanceof ShapeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function format(status: Shaped<typeof report>): string {
  const lines = [
    `${status.role} ${status.name} on ${status.host}, version ${status.version}, since ${localTime(status.since)}`,
    row("state", status.ready ? "ready" : "not ready"),
    ...status.reasons.map((reason) => row("", reason)),
    row("kafka", status.kafkaConnected ? "connected" : "not connected"),
    ...(status.sent ? [row("sent", describeDone(status.sent))] : []),
    // An uploader knows of deliveries only when it is to wait for them.
    ...(status.sent && status.delivered.count === 0
      ? []
      : [row("delivered", describeDone(status.delivered))]),
    row("waiting", String(status.waiting)),
    ...(status.lag === undefined ? [] : [row("lag", `${status.lag} chunks`)]),
    ...section("moving", status.moving, ({ path, bytes, size }) => `${path}: ${bytes} of ${size} bytes`),
    ...section("needed", status.needed, ({ path, bytes }) => `${path}: ${bytes} bytes asked for again`),
    ...section("parked", status.parked, ({ path, reason }) => `${path}: ${reason}`),
    ...section(
      "failed",
      status.failed,
      ({ path, reason, time }) => `${path}: ${reason} (${localTime(time)})`,
    ),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

function row(name: string, value: string): string {
  return `${name.padEnd(11)}${value}`;
}

function section<Item>(
  name: string,
  { count, items }: { count: number; items: readonly Item[] },
  describe: (item: Item) => string,
): string[] {
  const shown = items.map((item) => `  ${describe(item)}`);
  return [
    row(name, String(count)),
    ...shown,
    ...(count > items.length ? [`  and ${count - items.length} more`] : []),
  ];
}

function describeDone({ count, last }: Shaped<typeof doneFields>): string {
  return last ? `${count}, last ${last.path} (${localTime(last.time)})` : String(count);
}

function localTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) throw new ShapeError("is no time");
  const [, year, month, day, clock] =
    /^(\d{4})(\d\d)(\d\d) ([\d:]{8})/.exec(new LocalTime().text(time.getTime())) ?? [];
  return `${year}-${month}-${day} ${clock}`;
}
