/** The log writes to standard output itself, so each of these runs it in a process of its own. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { LogOptions } from "../../../agent/observe/log.ts";

const logModule = join(import.meta.dir, "../../../agent/observe/log.ts");

function start(code: string, options: Partial<LogOptions> = {}) {
  const made = JSON.stringify({ level: "info", format: "text", agent: "pos-0042", ...options });
  const source = `import { Log } from ${JSON.stringify(logModule)}; const log = new Log(${made}); ${code}`;
  return Bun.spawn([process.execPath, "--config=/dev/null", "-e", source], {
    env: { ...process.env, TZ: "Asia/Tokyo" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function written(code: string, options: Partial<LogOptions> = {}): Promise<string> {
  const child = start(code, options);
  const [text, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(errors).toBe("");
  expect(await child.exited).toBe(0);
  return text;
}

describe("a text line", () => {
  test("has the local time, the level, the agent's name and the message", async () => {
    const text = await written(`log.info("a.txt: finished 1 chunk uploads");`);
    expect(text).toMatch(
      /^\[\d{8} \d\d:\d\d:\d\d\.\d{3}\] INFO \[pos-0042\] a\.txt: finished 1 chunk uploads\n$/,
    );
    const hours = Number(text.slice(10, 12));
    expect((hours - new Date().getUTCHours() + 24) % 24).toBeOneOf([8, 9, 10]);
  });

  test("has no line break and no control character of a name in it", async () => {
    const text = await written(`log.info("a\\nb\\x1b[31m\\x7f\\t\\r é 🎬");`);
    expect(text).toEndWith("] a\\x0ab\\x1b[31m\\x7f\\x09\\x0d é 🎬\n");
    expect(text.split("\n")).toHaveLength(2);
  });

  test("says its level to the journal", async () => {
    const code = `log.debug("one"); log.info("two"); log.warn("three"); log.error("four");`;
    const text = await written(code, { level: "debug", toJournal: true });
    expect(text.match(/^<\d>\[|\w+$/gm)).toEqual([
      "<7>[",
      "one",
      "<6>[",
      "two",
      "<4>[",
      "three",
      "<3>[",
      "four",
    ]);
    const json = await written(`log.warn("a");`, { format: "json", toJournal: true });
    expect(json).toStartWith('<4>{"time"');
  });

  test("is left out below the level", async () => {
    const code = `log.debug("one"); log.info("two"); log.warn("three"); log.error("four");`;
    const text = await written(code, { level: "warn" });
    expect(text.match(/(DEBUG|INFO|WARN|ERROR) .*/g)).toEqual([
      "WARN [pos-0042] three",
      "ERROR [pos-0042] four",
    ]);
  });
});

describe("a JSON line", () => {
  test("is one object with time, level, agent, message, and the fields as fields", async () => {
    const code = `log.warn("a\\nb", { path: "a\\nb", bytes: 5, whole: true, none: undefined });`;
    const text = await written(code, { format: "json" });
    expect(text.split("\n")).toHaveLength(2);
    const { time, ...line } = JSON.parse(text);
    expect(line).toEqual({
      level: "warn",
      agent: "pos-0042",
      message: "a\nb",
      path: "a\nb",
      bytes: 5,
      whole: true,
    });
    expect(new Date(time).toISOString()).toBe(time);
  });
});

test("attributes are an object in a JSON line, and in none of text", async () => {
  const code = `log.info("a: merge complete", { attributes: { store: "0042", odd: "a\\nb" } });`;
  const { attributes } = JSON.parse(await written(code, { format: "json" }));
  expect(attributes).toEqual({ store: "0042", odd: "a\nb" });
  expect(await written(code)).toEndWith("] a: merge complete\n");
});

test("lines come in order, those before and those after a flush", async () => {
  const code = `for (let i = 0; i < 1000; i++) { log.info("line " + i); if (i % 100 === 0) log.flush(); }`;
  const numbers = [...(await written(code)).matchAll(/line (\d+)\n/g)].map((match) => Number(match[1]));
  expect(numbers).toEqual(Array.from({ length: 1000 }, (_, at) => at));
});

test("while nobody reads, memory is bounded: lines are dropped, counted, and the count is logged", async () => {
  const code = `
    const line = "x".repeat(1000);
    for (let i = 0; i < 5000; i++) log.info(line);
    process.stderr.write("all handed over");`;
  const child = start(code);
  expect(await child.stderr.text()).toBe("all handed over");
  const lines = (await child.stdout.text()).trimEnd().split("\n");
  expect(await child.exited).toBe(0);
  const whole = lines.filter((line) => line.endsWith("x".repeat(1000))).length;
  const dropped = lines.flatMap((line) => /\] (\d+) log lines dropped/.exec(line)?.[1] ?? []).map(Number);
  expect(dropped).toHaveLength(1);
  expect(whole + (dropped[0] ?? 0)).toBe(5000);
});

test("a reader that goes away does not stop the work", async () => {
  const made = JSON.stringify({ level: "info", format: "text", agent: "a" });
  const source = `
    import { Log } from ${JSON.stringify(logModule)};
    const log = new Log(${made});
    for (let i = 0; i < 100; i++) { log.info("line " + i + "x".repeat(10_000)); log.flush(); }
    process.stderr.write("worked on");`;
  const command = `"${process.execPath}" --config=/dev/null -e "$0" | head -c 10`;
  const child = Bun.spawn(["bash", "-c", command, source], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await child.stderr.text()).toBe("worked on");
  expect(await child.stdout.text()).toHaveLength(10);
});
