import { expect, test } from "bun:test";
import { StatusEvents } from "../../../agent/http/status-events.ts";

const decoder = new TextDecoder();

function stage() {
  let status = "1";
  let asked = 0;
  let nowMs = 0;
  const report = () => {
    asked++;
    return status;
  };
  const events = new StatusEvents(report, () => nowMs);
  return {
    events,
    asked: () => asked,
    become: (next: string) => {
      status = next;
    },
    pass: (ms: number) => {
      nowMs += ms;
      events.tick();
    },
  };
}

function reading(stream: ReadableStream<Uint8Array> | undefined) {
  const reader = stream?.getReader();
  if (!reader) throw new Error("no stream");
  const next = async () => decoder.decode((await reader.read()).value);
  return { next, cancel: () => reader.cancel(), reader };
}

test("a reader gets the status at once, then when it changes, and a comment when nothing does", async () => {
  const { events, become, pass } = stage();
  const { next, cancel } = reading(events.open());
  expect(await next()).toBe("event: status\ndata: 1\n\n");
  pass(1000);
  become("2");
  pass(1000);
  expect(await next()).toBe("event: status\ndata: 2\n\n");
  pass(1000);
  pass(15_000);
  expect(await next()).toBe(":\n\n");
  await cancel();
});

test("however many listen, it is asked for once a second, and not when nobody does", async () => {
  const { events, asked, pass } = stage();
  const readers = Array.from({ length: 100 }, () => reading(events.open()));
  const before = asked();
  pass(1000);
  expect([events.readerCount, asked() - before]).toEqual([100, 1]);
  for (const { cancel } of readers) await cancel();
  expect(events.readerCount).toBe(0);
});

test("who does not read gets no second event, then the newest, and is cut off in the end; the others go on", async () => {
  const { events, become, pass } = stage();
  const slow = reading(events.open());
  const dead = reading(events.open());
  const quick = reading(events.open());
  await quick.next();
  for (const status of ["2", "3", "4"]) {
    become(status);
    pass(1000);
    expect(await quick.next()).toBe(`event: status\ndata: ${status}\n\n`);
  }
  expect(await slow.next()).toBe("event: status\ndata: 1\n\n");
  pass(1000);
  expect(await slow.next()).toBe("event: status\ndata: 4\n\n");
  pass(29_000);
  await Promise.all([slow.next(), quick.next()]);
  expect(events.readerCount).toBe(2);
  expect(dead.reader.read()).rejects.toThrow("it does not read");
});

test("there is a bound to how many listen, and each one that leaves makes room", async () => {
  const { events } = stage();
  const [first] = Array.from({ length: 200 }, () => reading(events.open()));
  expect(events.open()).toBeUndefined();
  await first?.cancel();
  const last = reading(events.open());
  await last.next();
  events.end();
  expect(await last.reader.read()).toMatchObject({ done: true });
  expect(events.readerCount).toBe(0);
});
